// Tools of a messages request, and the spellings that both directions share.
#include <array>

#include "thalamus/base/json_writer.h"
#include "thalamus/base/text.h"
#include "thalamus/wire/anthropic_message.h"

namespace thalamus::wire {
namespace {

constexpr std::string_view kForeignMark = "thalamus.1.";

}  // namespace

std::unexpected<Error> missing(const Place& at, std::string_view member, std::string_view expected) {
  return fail_at(Place(at, member).text(), ErrorKind::kInvalidInput, "missing; expected {}", expected);
}

Status read_anthropic_tool(JsonCursor& cursor, const Place& place, BodyNotes& notes, core::ToolDefinition& out) {
  static constexpr std::array<std::string_view, 5> kNames{"type", "name", "description", "input_schema", "strict"};
  JsonCursor whole = cursor;
  const std::size_t mark = notes.mark();
  CHECK_OK(enter_object(cursor, place));
  MembersOnce own;
  std::string type;
  std::string_view key;
  while (cursor.next_member(key)) {
    CHECK_OK(own.check(place, key, kNames));
    const JsonKind kind = cursor.peek();
    if (kind == JsonKind::kNull) {
      CHECK_OK(skip_value(cursor, place));
    } else if (key == "type") {
      CHECK_OK(read_text(cursor, Place(place, "type"), type));
    } else if (key == "name") {
      CHECK_OK(read_text(cursor, Place(place, "name"), out.name));
    } else if (key == "description") {
      CHECK_OK(read_text(cursor, Place(place, "description"), out.description));
    } else if (key == "strict") {
      CHECK_OK(read_flag(cursor, Place(place, "strict"), out.strict));
    } else if (key == "input_schema") {
      const Place at(place, "input_schema");
      if (kind != JsonKind::kObject) return mistyped(cursor, at, "a JSON schema object");
      std::string_view raw;
      if (!cursor.skip(raw)) return malformed(cursor, at);
      out.parameters = std::string(raw);
    } else {
      CHECK_OK(notes.skip_unread(cursor, place, key));
    }
  }
  CHECK_OK(left(cursor, place));
  if (type == "function")
    return fail_at(
        Place(place, "type").text(), ErrorKind::kInvalidInput,
        "expected custom or a tool that the provider runs, got \"function\"; of tools of your own give name, "
        "description and input_schema");
  if (!type.empty() && type != "custom") {
    notes.forget(mark);  // it is kept, or lost, as a whole
    if (out.name.empty()) out.name = type;
    std::string_view raw;
    if (whole.skip(raw)) out.hosted = std::string(raw);
    return {};
  }
  if (out.name.empty()) return missing(place, "name", "the name of the tool");
  if (out.parameters.empty()) return missing(place, "input_schema", "a JSON schema object");
  return {};
}

std::string foreign_signature(std::string_view id, std::string_view encrypted) {
  return std::string(kForeignMark).append(id).append(".").append(encrypted);
}

bool split_foreign_signature(std::string_view signature, std::string& id, std::string& encrypted) {
  if (!signature.starts_with(kForeignMark)) return false;
  signature.remove_prefix(kForeignMark.size());
  const auto dot = signature.find('.');
  if (dot == std::string_view::npos) return false;
  id = std::string(signature.substr(0, dot));
  encrypted = std::string(signature.substr(dot + 1));
  return true;
}

std::string tool_input(std::string_view arguments, bool& wrapped) {
  wrapped = false;
  const std::string_view text = base::trim(arguments);
  if (text.empty() || text == "null") return "{}";
  JsonCursor cursor(text);
  if (cursor.peek() == JsonKind::kObject && cursor.skip() && cursor.finish()) return std::string(text);
  wrapped = true;
  base::JsonWriter writer;
  writer.begin_object().field(kWrappedInput, arguments).end_object();
  return writer.take();
}

}  // namespace thalamus::wire
