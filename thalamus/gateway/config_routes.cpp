/// `routes:`, `keys:` and `tests:`: who may ask for what, and which targets answer.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "thalamus/base/text.h"
#include "thalamus/compose/strategy.h"
#include "thalamus/gateway/config_sections.h"
#include "thalamus/net/digest.h"

namespace thalamus::gateway {
namespace {

constexpr std::size_t kRoutesMax = 1024;
constexpr std::size_t kKeysMax = 10'000;
constexpr std::size_t kTestsMax = 10'000;

/// A list of mappings under `field`; null (and a fault, if it is there) where it is none.
const YamlNode* list_of(Fields& top, std::string_view field, std::size_t size_max) {
  const YamlNode* node = top.get(field);
  if (node == nullptr) return nullptr;
  if (node->kind != YamlKind::kList) {
    top.error(field,
              fmt::format("expected a list, got {}", node->kind == YamlKind::kMap ? "a mapping" : "a single value"));
    return nullptr;
  }
  if (node->items.size() > size_max) {
    top.error(field, fmt::format("{} entries; the limit is {}", node->items.size(), size_max));
    return nullptr;
  }
  return node;
}

/// Indices of the named entries; unknown and repeated names are faults at their own place.
std::vector<std::size_t> read_references(Fields& fields, std::string_view field, std::string_view kind,
                                         const std::vector<std::string>& known) {
  std::vector<std::size_t> indices;
  const YamlNode* node = fields.get(field);
  if (node == nullptr) return indices;
  Reader& reader = fields.reader();
  if (node->kind != YamlKind::kList) {
    fields.error(field, fmt::format("expected a list of names, got {}", got(*node)));
    return indices;
  }
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    const std::string path = fmt::format("{}[{}]", fields.name(field), i);
    const auto name = read_scalar(reader, node->items[i], path, "a name");
    if (!name) continue;
    const auto found = std::find(known.begin(), known.end(), name->value);
    if (found == known.end()) {
      reader.error(name->mark, fmt::format("{}: {}", path, Reader::unknown(kind, name->value, known)));
      continue;
    }
    const auto index = static_cast<std::size_t>(found - known.begin());
    if (std::find(indices.begin(), indices.end(), index) != indices.end()) {
      reader.error(name->mark, fmt::format("{}: '{}' is named twice", path, name->value));
      continue;
    }
    indices.push_back(index);
  }
  return indices;
}

/// `strategy: in_order` or `strategy: {name: in_order, attempts_max: 3}`.
template <class Find, class List, class Try>
void read_method(Fields& fields, std::string_view field, std::string& name, base::OptionMap& options, Find&& find,
                 List&& list, Try&& attempt) {
  const YamlNode* node = fields.get(field);
  if (node == nullptr) return;
  Reader& reader = fields.reader();
  std::string word = name;
  if (node->kind == YamlKind::kMap) {
    Fields inner(reader, *node, fields.name(field));
    if (inner.need("name", "the method's name") != nullptr) inner.text("name", word);
    for (const YamlField& option : node->fields) {
      if (option.name == "name") continue;
      const auto value = read_scalar(reader, option.value, inner.name(option.name), "a single value");
      if (value) options.emplace(option.name, value->value);
    }
  } else {
    fields.text(field, word);
  }
  if (!find(word)) {
    std::vector<std::string> known;
    for (const auto& record : list()) known.emplace_back(record.name);
    return fields.error(field, Reader::unknown(field, word, known));
  }
  name = word;
  if (const Status tried = attempt(word, options); !tried) fields.error(field, tried.error().message);
}

void read_methods(Fields& fields, Route& route) {
  read_method(
      fields, "strategy", route.strategy, route.strategy_options,
      [](const std::string& name) { return compose::find_strategy(name) != nullptr; },
      [] { return compose::strategies(); },
      [](const std::string& name, const base::OptionMap& options) -> Status {
        core::Plan plan;
        plan.size = 1;
        TRY(const auto made, compose::find_strategy(name)->make(plan, options));
        return {};
      });
  read_method(
      fields, "policy", route.policy, route.policy_options,
      [](const std::string& name) { return dispatch::find_policy(name) != nullptr; },
      [] { return dispatch::policies(); },
      [](const std::string& name, const base::OptionMap& options) -> Status {
        const dispatch::TargetLimits limits;
        TRY(const auto made, dispatch::find_policy(name)->make({&limits, 1}, options));
        return {};
      });
}

void read_router(Fields& fields, Route& route) {
  const YamlNode* node = fields.get("router");
  if (node == nullptr) return;
  Fields router(fields.reader(), *node, fields.name("router"));
  if (router.need("snapshot", "the path of a snapshot") != nullptr) router.path("snapshot", route.snapshot);
  router.finish();
}

/// `expires: 2027-01-31`: the first day, in UTC, on which the key is refused.
void read_expiry(Fields& fields, VirtualKey& key) {
  std::string text;
  fields.text("expires", text);
  if (text.empty()) return;
  const bool shaped = text.size() == 10 && text[4] == '-' && text[7] == '-';
  const auto year = base::parse_number<int>(std::string_view(text).substr(0, 4));
  const auto month = shaped ? base::parse_number<unsigned>(std::string_view(text).substr(5, 2)) : std::nullopt;
  const auto day = shaped ? base::parse_number<unsigned>(std::string_view(text).substr(8, 2)) : std::nullopt;
  if (year && month && day) {
    const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(*month),
                                           std::chrono::day(*day)};
    if (date.ok()) {
      key.expires_unix_s = std::chrono::sys_seconds(std::chrono::sys_days(date)).time_since_epoch().count();
      return;
    }
  }
  fields.error("expires", fmt::format("expected a date such as 2027-01-31, got {}", shown_value(text)));
}

/// Of keys that are given as they are: no table of digests made elsewhere fits those in memory. The same at each
/// reload.
const std::string& salt_of_this_process() {
  static const std::string kSalt = [] {
    std::array<std::uint64_t, 2> random{};
    // With an empty pool, which no system has that serves, the digests are unsalted.
    if (::getentropy(random.data(), sizeof random) != 0) return std::string();
    return fmt::format("{:016x}{:016x}", random[0], random[1]);
  }();
  return kSalt;
}

void read_key_secret(Fields& fields, VirtualKey& key) {
  const bool has_key = fields.has("key");
  const bool has_digest = fields.has("sha256");
  Secret secret;
  fields.secret("key", secret);
  fields.text("sha256", key.sha256);
  fields.text("salt", key.salt);
  read_expiry(fields, key);
  if (has_key == has_digest) return fields.error("", "exactly one of `key` and `sha256` is needed");
  if (has_digest) {
    const bool digest =
        key.sha256.size() == 64 && key.sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
    // Somebody may have put the key itself here: it is not shown.
    if (!digest) fields.error("sha256", "expected 64 lower-case hexadecimal digits");
    return;
  }
  if (secret.empty()) return;
  constexpr std::size_t kKeyBytesMin = 8;
  if (secret.reveal().size() < kKeyBytesMin)
    return fields.error("key", fmt::format("is too short; use at least {} characters", kKeyBytesMin));
  if (key.salt.empty()) key.salt = salt_of_this_process();
  if (auto digest = net::sha256(key.salt + secret.reveal())) {
    key.sha256 = *std::move(digest);
  } else {
    fields.error("key", digest.error().message);
  }
}

}  // namespace

void read_routes(Fields& top, Config& config, ConfigMarks& marks) {
  if (top.need("routes", "a list of routes") == nullptr) return;
  const YamlNode* node = list_of(top, "routes", kRoutesMax);
  if (node == nullptr) return;
  if (node->items.empty()) return top.error("routes", "expected at least one route, got an empty list");
  const auto models = model_names(config);
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    Route route;
    Fields fields(top.reader(), node->items[i], fmt::format("routes[{}]", i));
    const bool mapping = node->items[i].kind == YamlKind::kMap;
    if (fields.need("name", "the model name clients ask for") != nullptr) fields.text("name", route.name);
    if (!route.name.empty() && !is_name(route.name, Slashes::kAllowed))
      fields.error("name", fmt::format("{} is no name; use letters, digits and . _ - / : @", shown_value(route.name)));
    if (!route.name.empty() && config.find_route(route.name) != nullptr)
      fields.error("name", fmt::format("'{}' is the name of an earlier route", route.name));
    const YamlNode* targets = fields.need("targets", "a list of target names");
    route.targets = read_references(fields, "targets", "target", models);
    if (targets != nullptr && targets->kind == YamlKind::kList && targets->items.empty())
      fields.error("targets", "expected at least one target, got an empty list");
    read_router(fields, route);
    fields.flag("strict", route.strict);
    read_contract(fields, config, route.contract);
    fields.number("explore_rate", route.explore_rate, 0, 0.5);
    read_methods(fields, route);
    if (mapping) fields.finish();
    config.routes.push_back(std::move(route));
    marks.routes.push_back(node->items[i].mark);
  }
}

void read_keys(Fields& top, Config& config, ConfigMarks& marks) {
  const YamlNode* node = list_of(top, "keys", kKeysMax);
  if (node == nullptr) return;
  const auto routes = route_names(config);
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    VirtualKey key;
    Fields fields(top.reader(), node->items[i], fmt::format("keys[{}]", i));
    if (fields.need("name", "who the key is for") != nullptr) fields.text("name", key.name);
    const auto same_name = [&](const VirtualKey& other) { return !key.name.empty() && other.name == key.name; };
    if (std::any_of(config.keys.begin(), config.keys.end(), same_name))
      fields.error("name", fmt::format("{} is the name of an earlier key", shown_value(key.name)));
    if (node->items[i].kind == YamlKind::kMap) read_key_secret(fields, key);
    const auto same_secret = [&](const VirtualKey& other) { return !key.sha256.empty() && other.sha256 == key.sha256; };
    if (std::any_of(config.keys.begin(), config.keys.end(), same_secret))
      fields.error("", "an earlier key has the same secret; each needs its own");
    key.routes = read_references(fields, "routes", "route", routes);
    read_contract(fields, config, key.contract);
    if (node->items[i].kind == YamlKind::kMap) fields.finish();
    config.keys.push_back(std::move(key));
    marks.keys.push_back(node->items[i].mark);
  }
}

void read_tests(Fields& top, Config& config) {
  const YamlNode* node = list_of(top, "tests", kTestsMax);
  if (node == nullptr) return;
  const auto routes = route_names(config);
  const auto models = model_names(config);
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    ConfigTest test;
    Fields fields(top.reader(), node->items[i], fmt::format("tests[{}]", i));
    test.where = top.reader().where(node->items[i].mark);
    if (fields.need("ask", "what to ask") != nullptr) fields.text("ask", test.ask);
    std::string name;
    fields.text("route", name);
    if (const auto found = std::find(routes.begin(), routes.end(), name); found != routes.end()) {
      test.route = static_cast<std::size_t>(found - routes.begin());
    } else if (!name.empty()) {
      fields.error("route", Reader::unknown("route", name, routes));
    }
    if (const YamlNode* expect_node = fields.need("expect", "{ target: NAME } or { contains: TEXT }")) {
      Fields expect(top.reader(), *expect_node, fields.name("expect"));
      std::string target;
      expect.text("target", target);
      expect.text("contains", test.expect_contains);
      if (const auto found = std::find(models.begin(), models.end(), target); found != models.end()) {
        test.expect_target = static_cast<std::size_t>(found - models.begin());
      } else if (!target.empty()) {
        expect.error("target", Reader::unknown("target", target, models));
      }
      if (!expect.has("target") && !expect.has("contains"))
        expect.error("", "expected `target` or `contains`, got neither");
      expect.finish();
    }
    if (node->items[i].kind == YamlKind::kMap) fields.finish();
    if (test.route < config.routes.size()) config.tests.push_back(std::move(test));
  }
}

}  // namespace thalamus::gateway
