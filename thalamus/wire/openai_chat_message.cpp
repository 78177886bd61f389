#include "thalamus/wire/openai_chat_message.h"

#include <algorithm>
#include <array>
#include <optional>

#include "thalamus/wire/attachment.h"

namespace thalamus::wire {
namespace {

using core::Part;
using core::PartKind;
using core::Role;

constexpr std::array<std::string_view, 6> kRoleNames{"system", "developer", "user", "assistant", "tool", "function"};
constexpr std::array<Role, 6> kRoles{Role::kSystem,    Role::kSystem, Role::kUser,
                                     Role::kAssistant, Role::kTool,   Role::kTool};

// One message. Which content is allowed depends on its other members, wherever they stand.
class MessageReader {
 public:
  MessageReader(JsonCursor& cursor, const Place& place, core::Message& out) noexcept
      : cursor_(cursor), place_(place), out_(out) {}

  Status read() {
    CHECK_OK(enter_object(cursor_, place_));
    std::string_view key;
    while (cursor_.next_member(key)) CHECK_OK(member(key));
    CHECK_OK(left(cursor_, place_));
    if (!role_)
      return fail_at(Place(place_, "role").text(), ErrorKind::kInvalidInput,
                     "missing; expected system, developer, user, assistant, tool or function");
    if (has_content_ || (*role_ == Role::kAssistant && has_substitute_)) return {};
    return fail_at(Place(place_, "content").text(), ErrorKind::kInvalidInput,
                   "expected a string or an array of parts, got {}; only an assistant's message with tool_calls, "
                   "function_call, refusal or audio may go without",
                   content_is_null_ ? "null" : "nothing");
  }

 private:
  Status member(std::string_view key) {
    if (key == "role") return role();
    if (key == "content") return content();
    if (key == "tool_calls") return tool_calls();
    if (key == "function_call") return function_call();
    if (key == "refusal") return refusal();
    if (key == "tool_call_id") return tool_call_id();
    if (key == "audio") {
      has_substitute_ = has_substitute_ || !pass_null(cursor_);
      if (!has_substitute_) return {};
    }
    return skip_value(cursor_, place_);
  }

  Status role() {
    const Place at(place_, "role");
    std::string_view name;
    CHECK_OK(read_text_view(cursor_, at, name));
    const auto* const row = std::find(kRoleNames.begin(), kRoleNames.end(), name);
    if (row == kRoleNames.end()) return not_among(at, name, kRoleNames);
    role_ = kRoles[static_cast<std::size_t>(row - kRoleNames.begin())];
    out_.role = *role_;
    return {};
  }

  Status content() {
    const Place at(place_, "content");
    content_is_null_ = pass_null(cursor_);
    if (content_is_null_) return {};
    has_content_ = true;
    if (cursor_.peek() == JsonKind::kString) return read_text(cursor_, at, out_.parts.emplace_back().text);
    if (cursor_.peek() != JsonKind::kArray) return mistyped(cursor_, at, "a string or an array of parts");
    CHECK_OK(enter_array(cursor_, at));
    for (std::size_t i = 0; cursor_.next_element(); ++i) CHECK_OK(part(Place(at, i)));
    return left(cursor_, at);
  }

  Status part(const Place& at) {
    CHECK_OK(enter_object(cursor_, at));
    std::string type;
    Part part;
    std::optional<std::string> text;
    std::optional<core::PartDetail> detail;
    std::string_view key;
    while (cursor_.next_member(key)) {
      if (key == "type") {
        CHECK_OK(read_text(cursor_, Place(at, "type"), type));
      } else if (key == "text" || key == "refusal") {
        // A part of an unknown type may use these names for anything.
        if (cursor_.peek() == JsonKind::kString) {
          CHECK_OK(read_text(cursor_, at, text.emplace()));
        } else {
          CHECK_OK(skip_value(cursor_, at));
        }
      } else if (key == "image_url" || key == "input_audio" || key == "file") {
        CHECK_OK(attachment(at, detail.emplace()));
      } else {
        CHECK_OK(skip_value(cursor_, at));
      }
    }
    CHECK_OK(left(cursor_, at));
    if (type.empty())
      return fail_at(Place(at, "type").text(), ErrorKind::kInvalidInput,
                     "missing; expected text, image_url, input_audio, file, refusal or a type the model knows");
    part.kind = kind_of(type);
    if (part.kind == PartKind::kText || part.kind == PartKind::kRefusal) {
      if (!text)
        return fail_at(Place(at, type).text(), ErrorKind::kInvalidInput, "expected a string in a {} part", type);
      part.text = *std::move(text);
    } else {
      add_detail(at, detail ? *std::move(detail) : core::PartDetail(), part);
    }
    out_.parts.push_back(std::move(part));
    return {};
  }

  static PartKind kind_of(std::string_view type) noexcept {
    if (type == "text") return PartKind::kText;
    if (type == "image_url") return PartKind::kImage;
    if (type == "input_audio") return PartKind::kAudio;
    if (type == "file") return PartKind::kFile;
    if (type == "refusal") return PartKind::kRefusal;
    return PartKind::kOther;
  }

  Status attachment(const Place& at, core::PartDetail& detail) {
    if (cursor_.peek() == JsonKind::kString) return read_url_or_data(cursor_, at, detail);
    if (cursor_.peek() != JsonKind::kObject) return skip_value(cursor_, at);
    CHECK_OK(enter_object(cursor_, at));
    std::string_view key;
    while (cursor_.next_member(key)) CHECK_OK(attachment_member(at, std::string(key), detail));
    return left(cursor_, at);
  }

  Status attachment_member(const Place& at, const std::string& key, core::PartDetail& detail) {
    if (cursor_.peek() != JsonKind::kString) return skip_value(cursor_, at);
    if (key == "url") return read_url_or_data(cursor_, at, detail);
    if (key == "file_id") return read_text(cursor_, at, detail.file_id);
    if (key == "filename") return read_text(cursor_, at, detail.file_name);
    if (key == "detail") return read_text(cursor_, at, detail.fidelity);
    if (key == "format") {
      std::string_view format;
      CHECK_OK(read_text_view(cursor_, at, format));
      detail.media_type = "audio/" + std::string(format);
      return {};
    }
    if (key != "file_data" && key != "data") return skip_value(cursor_, at);
    return read_data(cursor_, at, detail);
  }

  Status tool_calls() {
    const Place at(place_, "tool_calls");
    if (pass_null(cursor_)) return {};
    CHECK_OK(enter_array(cursor_, at));
    for (std::size_t i = 0; cursor_.next_element(); ++i) {
      has_substitute_ = true;
      CHECK_OK(tool_call(Place(at, i), out_.tool_calls.emplace_back()));
    }
    return left(cursor_, at);
  }

  Status tool_call(const Place& at, core::ToolCall& call) {
    CHECK_OK(enter_object(cursor_, at));
    std::string_view key;
    while (cursor_.next_member(key)) {
      if (key == "id") {
        CHECK_OK(read_text(cursor_, Place(at, "id"), call.id));
      } else if (key == "function") {
        CHECK_OK(function(Place(at, "function"), "arguments", call));
      } else if (key == "custom") {
        CHECK_OK(function(Place(at, "custom"), "input", call));
      } else {
        CHECK_OK(skip_value(cursor_, at));
      }
    }
    return left(cursor_, at);
  }

  Status function(const Place& at, std::string_view argument_key, core::ToolCall& call) {
    CHECK_OK(enter_object(cursor_, at));
    std::string_view key;
    while (cursor_.next_member(key)) {
      if (key == "name") {
        CHECK_OK(read_text(cursor_, Place(at, "name"), call.name));
      } else if (key == argument_key) {
        CHECK_OK(read_text(cursor_, Place(at, argument_key), call.arguments));
      } else {
        CHECK_OK(skip_value(cursor_, at));
      }
    }
    CHECK_OK(left(cursor_, at));
    if (!call.name.empty()) return {};
    return fail_at(Place(at, "name").text(), ErrorKind::kInvalidInput, "expected the called function's name, got none");
  }

  Status function_call() {
    if (pass_null(cursor_)) return {};
    has_substitute_ = true;
    return function(Place(place_, "function_call"), "arguments", out_.tool_calls.emplace_back());
  }

  Status refusal() {
    if (pass_null(cursor_)) return {};
    has_substitute_ = true;
    Part& part = out_.parts.emplace_back();
    part.kind = PartKind::kRefusal;
    return read_text(cursor_, Place(place_, "refusal"), part.text);
  }

  Status tool_call_id() {
    if (pass_null(cursor_)) return {};
    return read_text(cursor_, Place(place_, "tool_call_id"), out_.tool_call_id);
  }

  JsonCursor& cursor_;
  const Place& place_;
  core::Message& out_;
  std::optional<Role> role_;
  bool has_content_ = false;
  bool content_is_null_ = false;
  bool has_substitute_ = false;
};

// The members of a function schema, wherever they stand; `type` and `function` are seen by the caller.
Status read_function_member(JsonCursor& cursor, const Place& place, std::string_view key, core::ToolDefinition& out) {
  if (key == "name") return read_text(cursor, Place(place, "name"), out.name);
  if (key == "description" && cursor.peek() == JsonKind::kString)
    return read_text(cursor, Place(place, "description"), out.description);
  if ((key == "parameters" || key == "input_schema") && cursor.peek() == JsonKind::kObject) {
    std::string_view raw;
    if (!cursor.skip(raw)) return malformed(cursor, place);
    out.parameters = std::string(raw);
    return {};
  }
  if (key == "strict" && cursor.peek() == JsonKind::kBool) return read_flag(cursor, place, out.strict);
  return skip_value(cursor, place);
}

Status read_function(JsonCursor& cursor, const Place& place, core::ToolDefinition& out) {
  CHECK_OK(enter_object(cursor, place));
  std::string_view key;
  while (cursor.next_member(key)) CHECK_OK(read_function_member(cursor, place, key, out));
  CHECK_OK(left(cursor, place));
  if (!out.name.empty()) return {};
  return fail_at(Place(place, "name").text(), ErrorKind::kInvalidInput, "expected the function's name, got none");
}

}  // namespace

Status read_message(JsonCursor& cursor, const Place& place, core::Message& out) {
  return MessageReader(cursor, place, out).read();
}

Status read_tool(JsonCursor& cursor, const Place& place, core::ToolDefinition& out) {
  JsonCursor whole = cursor;
  CHECK_OK(enter_object(cursor, place));
  std::string type;
  bool wrapped = false;
  std::string_view key;
  while (cursor.next_member(key)) {
    if ((key == "function" || key == "custom") && cursor.peek() == JsonKind::kObject) {
      wrapped = true;
      out = {};
      const Place at(place, key == "function" ? "function" : "custom");
      CHECK_OK(read_function(cursor, at, out));
    } else if (key == "type") {
      CHECK_OK(read_text(cursor, Place(place, "type"), type));
    } else if (!wrapped) {
      CHECK_OK(read_function_member(cursor, place, key, out));
    } else {
      CHECK_OK(skip_value(cursor, place));
    }
  }
  CHECK_OK(left(cursor, place));
  if (out.name.empty() && type != "function") {
    out.name = type;
    std::string_view raw;
    if (whole.skip(raw)) out.hosted = std::string(raw);
  }
  if (!out.name.empty()) return {};
  return fail_at(Place(place, "function").text(), ErrorKind::kInvalidInput,
                 R"(missing; expected {{"type":"function","function":{{"name":...,"parameters":...}}}})");
}

}  // namespace thalamus::wire
