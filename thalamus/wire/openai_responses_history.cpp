#include "thalamus/wire/openai_responses_history.h"

#include <vector>

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
    const std::size_t key_offset = cursor.key_offset();
    const auto comma = cursor.comma_offset();
    const JsonKind kind = cursor.peek();
    std::string_view raw;
    if (!cursor.skip(raw)) return malformed(cursor, root);
    if (is_previous) out.previous.mark(key_offset, comma, cursor.offset());
    if (!is_input) continue;
    out.input_end = cursor.offset();
    out.input_begin = out.input_end - raw.size();
    out.items = elements_of(raw, kind);
  }
  CHECK_OK(left(cursor, root));
  if (!cursor.finish()) return malformed(cursor, root);
  return out;
}

}  // namespace

StoreWish read_store_wish(std::string_view body) {
  JsonCursor cursor(body);
  StoreWish wish;
  const bool read = each_member(cursor, [&](std::string_view key) {
    if (key == "previous_response_id") return take_text(cursor, wish.previous);
    if (key == "store") return take_flag(cursor, wish.store);
    return cursor.skip();
  });
  return read ? wish : StoreWish{.previous = {}, .store = false};
}

Result<std::string> input_items(std::string_view body) {
  TRY(Layout layout, lay_out(body));
  return std::move(layout.items);
}

Result<std::string> with_history(std::string_view body, std::string_view items) {
  TRY(const Layout layout, lay_out(body));
  std::vector<SpliceEdit> edits;
  if (layout.previous.marked()) edits.push_back(layout.previous.edit());
  if (!layout.items.empty() && !items.empty())
    edits.push_back({layout.input_begin, layout.input_end,
                     std::string("[").append(items).append(",").append(layout.items).append("]")});
  return splice(body, edits);
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
