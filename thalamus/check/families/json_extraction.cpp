/// A generated passage whose facts are to be written as a JSON object with stated keys.
#include <fmt/format.h>

#include "thalamus/base/json_writer.h"
#include "thalamus/check/families/family.h"

namespace thalamus::check {
namespace {

/// One key of the wanted object with its JSON value and type.
struct Field {
  std::string key;
  std::string json;
  std::string schema;
};

std::string text_json(std::string_view text) {
  std::string out;
  base::append_json_string(out, text);
  return out;
}

Field text_field(std::string key, std::string_view value) {
  return {std::move(key), text_json(value), R"({"type":"string"})"};
}
Field number_field(std::string key, std::int64_t value) {
  return {std::move(key), std::to_string(value), R"({"type":"integer"})"};
}

Field list_field(std::string key, const Strings& values) {
  Strings items;
  for (const auto& value : values) items.push_back(text_json(value));
  return {std::move(key), "[" + join(items, ",") + "]", R"({"type":"array","items":{"type":"string"}})"};
}

std::string object_json(const std::vector<Field>& fields) {
  Strings members;
  for (const auto& field : fields) members.push_back(text_json(field.key) + ":" + field.json);
  return "{" + join(members, ",") + "}";
}

std::string object_schema(const std::vector<Field>& fields) {
  Strings properties;
  Strings required;
  for (const auto& field : fields) {
    properties.push_back(text_json(field.key) + ":" + field.schema);
    required.push_back(text_json(field.key));
  }
  return fmt::format(R"({{"type":"object","properties":{{{}}},"required":[{}],"additionalProperties":false}})",
                     join(properties, ","), join(required, ","));
}

Field object_field(std::string key, const std::vector<Field>& fields) {
  return {std::move(key), object_json(fields), object_schema(fields)};
}

Task json_task(base::Rng& rng, const std::string& passage, std::string_view about, const std::string& keys,
               const std::vector<Field>& fields) {
  constexpr std::array<std::string_view, 4> kForms = {"Text: {0}\nWrite {1} as a JSON object with the keys {2}.",
                                                      "{0}\nExtract {1} as JSON with exactly these keys: {2}.",
                                                      "Read this: {0}\nReturn {1} as a JSON object. Keys: {2}.",
                                                      "{0}\nGive {1} as a JSON object with the keys {2}."};
  Task task;
  task.prompt = fmt::format(fmt::runtime(rng.pick(kForms)), passage, about, keys) + " Answer with only the JSON.";
  task.schema = object_schema(fields);
  task.max_output_tokens = static_cast<std::uint32_t>(48 + 16 * fields.size() + object_json(fields).size() / 4);
  task.expected.checker = "json_schema";
  task.expected.schema = task.schema;
  task.expected.value = object_json(fields);
  return task;
}

std::string full_name(base::Rng& rng) {
  const std::string first = rng.pick(first_names());
  return first + " " + rng.pick(surnames());
}

Task easy(base::Rng& rng) {
  const std::string name = full_name(rng);
  const std::int64_t age = rng.between(19, 79);
  const std::string city = rng.pick(cities());
  switch (rng.below(3)) {
    case 0:
      return json_task(rng, fmt::format("{} is {} years old and lives in {}.", name, age, city), "the person's facts",
                       "\"name\" (text), \"age\" (number) and \"city\" (text)",
                       {text_field("name", name), number_field("age", age), text_field("city", city)});
    case 1: {
      const std::string item = rng.pick(portable());
      const std::int64_t price = rng.between(5, 180);
      return json_task(rng, fmt::format("The {} costs {} euros.", item, price), "the item and its price",
                       "\"item\" (text) and \"price\" (number)",
                       {text_field("item", item), number_field("price", price)});
    }
    default: {
      const std::string job = rng.pick(jobs());
      return json_task(rng, fmt::format("My neighbour {} works as {} in {}.", name, with_article(job), city),
                       "the facts", "\"name\" (text), \"job\" (text) and \"city\" (text)",
                       {text_field("name", name), text_field("job", job), text_field("city", city)});
    }
  }
}

Task medium(base::Rng& rng) {
  const std::string name = full_name(rng);
  const auto towns = sample(rng, cities(), 2);
  const std::int64_t year = rng.between(1995, 2024);
  const auto liked = sample(rng, hobbies(), 3);
  const std::string job = rng.pick(jobs());
  if (rng.below(2) == 0) {
    return json_task(
        rng,
        fmt::format("{} moved from {} to {} in {} and has worked there as {} ever since. In the evenings it is {}.",
                    name, towns[0], towns[1], year, with_article(job), join_and(liked)),
        "the facts",
        "\"name\", \"job\", \"city\" (where the person lives now), \"since\" (year, a number) and \"hobbies\" (list of "
        "texts)",
        {text_field("name", name), text_field("job", job), text_field("city", towns[1]), number_field("since", year),
         list_field("hobbies", liked)});
  }
  const auto things = sample(rng, goods(), 2);
  const std::int64_t first = rng.between(2, 40);
  const std::int64_t second = rng.between(2, 40);
  const std::int64_t order = rng.between(1000, 9999);
  return json_task(rng,
                   fmt::format("Order {}: {} from {} wants {} {} and {} {}.", order, name, towns[0], first, things[0],
                               second, things[1]),
                   "the order",
                   "\"order\" (number), \"customer\" (text), \"city\" (text), \"items\" (list of texts, without the "
                   "amounts) and \"total\" (the amounts added up, a number)",
                   {number_field("order", order), text_field("customer", name), text_field("city", towns[0]),
                    list_field("items", things), number_field("total", first + second)});
}

Task hard(base::Rng& rng) {
  const auto given = sample(rng, first_names(), 3);
  const auto family = sample(rng, surnames(), 3);
  const auto towns = sample(rng, cities(), 3);
  const auto work = sample(rng, jobs(), 2);
  const std::int64_t age = rng.between(25, 60);
  const std::int64_t gap = rng.between(2, 9);
  const auto pets = sample(rng, animals(), 2);
  if (rng.below(2) == 0) {
    return json_task(rng,
                     fmt::format("{0} {1}, {2}, is {3} from {4}. {5} {6}, {7} years younger, works in {8} as {9} and "
                                 "keeps a {10} and a {11}. Both once lived in {12}.",
                                 given[0], family[0], age, with_article(work[0]), towns[0], given[1], family[1], gap,
                                 towns[1], with_article(work[1]), pets[0], pets[1], towns[2]),
                     "the facts about the younger person",
                     "\"name\" (object with \"first\" and \"last\"), \"age\" (number), \"job\", \"city\" (of work) and "
                     "\"pets\" (list of texts)",
                     {object_field("name", {text_field("first", given[1]), text_field("last", family[1])}),
                      number_field("age", age - gap), text_field("job", work[1]), text_field("city", towns[1]),
                      list_field("pets", pets)});
  }
  const std::int64_t price = rng.between(12, 90);
  const std::int64_t nights = rng.between(2, 9);
  const std::int64_t day = rng.between(1, 15);
  return json_task(
      rng,
      fmt::format("{0} {1} first asked for a room in {2}, then booked one in {3} instead, from May {4} for {5} nights "
                  "at {6} euros a night. {7} {8} comes along, {9} does not.",
                  given[0], family[0], towns[0], towns[1], day, nights, price, given[1], family[1], given[2]),
      "the booking",
      "\"city\", \"guests\" (list of full names), \"stay\" (object with \"first_day\", \"last_day\": numbers, days of "
      "May, the last being the day of leaving) and \"total\" (euros for all nights, a number)",
      {text_field("city", towns[1]), list_field("guests", {given[0] + " " + family[0], given[1] + " " + family[1]}),
       object_field("stay", {number_field("first_day", day), number_field("last_day", day + nights)}),
       number_field("total", price * nights)});
}

Task generate(Difficulty difficulty, base::Rng& rng) {
  if (difficulty == Difficulty::kEasy) return easy(rng);
  return difficulty == Difficulty::kMedium ? medium(rng) : hard(rng);
}

}  // namespace

FamilyRecord json_extraction_family();
FamilyRecord json_extraction_family() {
  return {"json_extraction", "the facts of a passage as a JSON object with stated keys", false, &generate};
}

}  // namespace thalamus::check
