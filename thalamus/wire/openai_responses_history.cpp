#include "thalamus/wire/openai_responses_history.h"

#include <fmt/format.h>

#include <optional>
#include <vector>

#include "thalamus/base/json_writer.h"
#include "thalamus/base/text.h"
#include "thalamus/wire/json_splice.h"
#include "thalamus/wire/json_take.h"
#include "thalamus/wire/json_value.h"

namespace thalamus::wire {
namespace {

/// What stands between the brackets of an array, or the array of one message that a text stands for.
std::string elements_of(std::string_view raw, JsonKind kind) {
  if (kind == JsonKind::kString) return std::string(R"({"role":"user","content":)").append(raw).append("}");
  if (kind != JsonKind::kArray) return {};
  std::string_view inside = raw.substr(1, raw.size() - 2);
  const auto begin = inside.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  inside = inside.substr(begin, inside.find_last_not_of(" \t\r\n") + 1 - begin);
  return std::string(inside);
}

/// Where a body's `input` lies, and the edit that takes `previous_response_id` out.
struct Layout {
  std::size_t input_begin = 0;
  std::size_t input_end = 0;
  std::string items;
  MemberRemoval previous;
  std::optional<SpliceEdit> store;  ///< makes it false
};

Result<Layout> lay_out(std::string_view body) {
  JsonCursor cursor(body);
  const Place root("body");
  if (cursor.peek() != JsonKind::kObject) return mistyped(cursor, root, "a JSON object");
  CHECK_OK(enter_object(cursor, root));
  Layout out;
  std::string_view key;
  while (cursor.next_member(key)) {
    out.previous.member(cursor);
    const bool is_input = key == "input";
    const bool is_previous = key == "previous_response_id";
    const bool is_store = key == "store";
    const std::size_t key_offset = cursor.key_offset();
    const auto comma = cursor.comma_offset();
    const JsonKind kind = cursor.peek();
    std::string_view raw;
    if (!cursor.skip(raw)) return malformed(cursor, root);
    if (is_previous) out.previous.mark(key_offset, comma, cursor.offset());
    if (is_store) out.store = SpliceEdit{cursor.offset() - raw.size(), cursor.offset(), "false"};
    if (!is_input) continue;
    out.input_end = cursor.offset();
    out.input_begin = out.input_end - raw.size();
    out.items = elements_of(raw, kind);
  }
  CHECK_OK(left(cursor, root));
  if (!cursor.finish()) return malformed(cursor, root);
  return out;
}

/// A thought without its encrypted text, or an item that is only named: its provider has the rest.
bool needs_providers_store(std::string_view items) {
  const std::string array = std::string("[").append(items).append("]");
  JsonCursor cursor(array);
  bool needs = false;
  static_cast<void>(each_element(cursor, [&](std::size_t) {
    std::string type;
    bool encrypted = false;
    const bool read = each_member(cursor, [&](std::string_view key) {
      if (key == "type") return take_text(cursor, type);
      return key == "encrypted_content" ? take_presence(cursor, encrypted) : cursor.skip();
    });
    needs = needs || type == "item_reference" || (type == "reasoning" && !encrypted);
    return read;
  }));
  return needs;
}

/// The edits that put the facts into the response object at the cursor, which is passed.
bool edit_response(JsonCursor& cursor, const Continuation& facts, std::vector<SpliceEdit>& edits) {
  if (!cursor.enter_object()) return false;
  const std::size_t begin = cursor.offset();
  SpliceEdit previous{begin, begin, {}};
  bool given = false, any = false;
  std::string_view key;
  while (cursor.next_member(key)) {
    any = true;
    const bool is_previous = key == "previous_response_id";
    const bool is_store = key == "store";
    std::string_view raw;
    if (!cursor.skip(raw)) return false;
    if (is_store && facts.stored) edits.push_back({cursor.offset() - raw.size(), cursor.offset(), "true"});
    if (!is_previous || facts.previous.empty()) continue;
    given = true;
    previous = {cursor.offset() - raw.size(), cursor.offset(), {}};
  }
  if (facts.previous.empty()) return !cursor.failed();
  if (!given) previous.text = R"("previous_response_id":)";
  base::append_json_string(previous.text, facts.previous);
  if (!given && any) previous.text.push_back(',');
  edits.push_back(std::move(previous));
  return !cursor.failed();
}

}  // namespace

StoreWish read_store_wish(std::string_view body) {
  JsonCursor cursor(body);
  StoreWish wish;
  const bool read = each_member(cursor, [&](std::string_view key) {
    if (key == "previous_response_id") return take_text(cursor, wish.previous);
    if (key == "store") return take_flag(cursor, wish.store);
    if (key == "input") wish.text_input = cursor.peek() == JsonKind::kString;
    return cursor.skip();
  });
  return read ? wish : StoreWish{.previous = {}, .store = false, .text_input = false};
}

Result<std::string> input_items(std::string_view body) {
  TRY(Layout layout, lay_out(body));
  return std::move(layout.items);
}

Result<std::string> with_history(std::string_view body, std::string_view items) {
  TRY(const Layout layout, lay_out(body));
  std::vector<SpliceEdit> edits;
  if (layout.previous.marked()) edits.push_back(layout.previous.edit());
  if (layout.items.empty() || items.empty()) return splice(body, edits);
  std::string whole = std::string(items).append(",").append(layout.items);
  std::string input = "[" + whole + "]";
  if (!needs_providers_store(whole)) {
    if (layout.store) {
      edits.push_back(*layout.store);
    } else {
      input += R"(,"store":false)";
    }
  }
  edits.push_back({layout.input_begin, layout.input_end, std::move(input)});
  return splice(body, edits);
}

std::string continued(std::string_view response, const Continuation& facts) {
  JsonCursor cursor(response);
  std::vector<SpliceEdit> edits;
  if (!edit_response(cursor, facts, edits) || !cursor.finish()) return std::string(response);
  return splice(response, edits);
}

std::string continued_event(std::string_view event_data, const Continuation& facts) {
  JsonCursor cursor(event_data);
  std::vector<SpliceEdit> edits;
  const bool read = each_member(cursor, [&](std::string_view key) {
    if (key != "response" || cursor.peek() != JsonKind::kObject) return cursor.skip();
    return edit_response(cursor, facts, edits);
  });
  return read && cursor.finish() ? splice(event_data, edits) : std::string(event_data);
}

std::size_t count_items(std::string_view items) {
  const std::string array = std::string("[").append(items).append("]");
  JsonCursor cursor(array);
  std::size_t count = 0;
  static_cast<void>(each_element(cursor, [&](std::size_t) {
    ++count;
    return cursor.skip();
  }));
  return count;
}

std::string own_place(std::string_view place, const Continuation& facts) {
  constexpr std::string_view kInput = "input[";
  const auto digits = place.find(']');
  if (!place.starts_with(kInput) || digits == std::string_view::npos) return std::string(place);
  const auto index = base::parse_number<std::size_t>(place.substr(kInput.size(), digits - kInput.size()));
  if (!index || *index < facts.history) return "previous_response_id";
  if (facts.text_input) return "input";
  return fmt::format("input[{}]{}", *index - facts.history, place.substr(digits + 1));
}

std::string own_places(std::string_view losses, const Continuation& facts) {
  constexpr std::string_view kInput = "\"input[";
  std::string out;
  for (auto at = losses.find(kInput); at != std::string_view::npos; at = losses.find(kInput)) {
    out.append(losses.substr(0, at + 1));
    losses.remove_prefix(at + 1);
    const auto end = losses.find('"');
    if (end == std::string_view::npos) return {};
    out.append(own_place(losses.substr(0, end), facts));
    losses.remove_prefix(end);
  }
  return out.append(losses);
}

Result<ResponseOutput> output_items(std::string_view response) {
  JsonCursor cursor(response);
  ResponseOutput out;
  std::string status;
  const bool read = each_member(cursor, [&](std::string_view key) {
    if (key == "id") return take_text(cursor, out.id);
    if (key == "status") return take_text(cursor, status);
    if (key != "output") return cursor.skip();
    const JsonKind kind = cursor.peek();
    std::string_view raw;
    if (!cursor.skip(raw)) return false;
    if (kind == JsonKind::kArray) out.items = elements_of(raw, kind);
    return true;
  });
  if (!read || !cursor.finish() || out.id.empty())
    return fail(ErrorKind::kUpstream, "the answer is no response object with an id");
  out.whole = status == "completed" || status == "incomplete";
  return out;
}

std::string final_response(std::string_view event_data) {
  JsonCursor cursor(event_data);
  std::string type;
  std::string response;
  const bool read = each_member(cursor, [&](std::string_view key) {
    if (key == "type") return take_text(cursor, type);
    return key == "response" ? take_json(cursor, response) : cursor.skip();
  });
  const bool last = type == "response.completed" || type == "response.incomplete";
  return read && last ? response : std::string();
}

}  // namespace thalamus::wire
