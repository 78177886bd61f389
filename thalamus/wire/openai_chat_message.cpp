#include "thalamus/wire/openai_chat_message.h"

#include <algorithm>
#include <array>
#include <optional>

#include "thalamus/wire/attachment.h"
#include "thalamus/wire/body_edits.h"

namespace thalamus::wire {
namespace {

using core::Part;
using core::PartKind;
using core::Role;

constexpr std::array<std::string_view, 6> kRoleNames{"system", "developer", "user", "assistant", "tool", "function"};
constexpr std::array<Role, 6> kRoles{Role::kSystem,    Role::kSystem, Role::kUser,
                                     Role::kAssistant, Role::kTool,   Role::kTool};

/// Members of an answer that clients send back with it and that no request is typed to have.
constexpr std::array<std::string_view, 2> kEchoed{"annotations", "parsed"};

bool holds_nothing(const core::PartDetail& detail) noexcept {
  return detail.url.empty() && detail.data.empty() && detail.file_id.empty();
}

// One part of a message's content. What its members must be depends on its type, wherever it stands.
class PartReader {
 public:
  PartReader(JsonCursor& cursor, const Place& place, BodyNotes& notes) noexcept
      : cursor_(cursor), place_(place), notes_(notes) {}

  Status read(Part& out) {
    const std::size_t mark = notes_.mark();
    CHECK_OK(enter_object(cursor_, place_));
    std::string_view key;
    while (cursor_.next_member(key)) CHECK_OK(member(key));
    CHECK_OK(left(cursor_, place_));
    if (type_.empty())
      return fail_at(Place(place_, "type").text(), ErrorKind::kInvalidInput,
                     "missing; expected text, image_url, input_audio, file, refusal or a type the model knows");
    out.kind = kind_of(type_);
    if (out.kind == PartKind::kOther) notes_.forget(mark);  // it is lost as a whole
    if (out.kind == PartKind::kText || out.kind == PartKind::kRefusal) return words(out);
    CHECK_OK(check_attachment(out.kind));
    add_detail(place_, detail_ ? *std::move(detail_) : core::PartDetail(), out);
    return {};
  }

 private:
  static constexpr std::array<std::string_view, 6> kNames{"type",      "text",        "refusal",
                                                          "image_url", "input_audio", "file"};
  static constexpr std::array<std::string_view, 7> kAttachmentNames{"url",    "file_id",   "filename", "detail",
                                                                    "format", "file_data", "data"};

  static PartKind kind_of(std::string_view type) noexcept {
    if (type == "text") return PartKind::kText;
    if (type == "image_url") return PartKind::kImage;
    if (type == "input_audio") return PartKind::kAudio;
    if (type == "file") return PartKind::kFile;
    if (type == "refusal") return PartKind::kRefusal;
    return PartKind::kOther;
  }

  Status member(std::string_view key) {
    CHECK_OK(once_.check(place_, key, kNames));
    if (key == "type") return read_text(cursor_, Place(place_, "type"), type_);
    if (key == "text") return text(Place(place_, "text"), text_);
    if (key == "refusal") return text(Place(place_, "refusal"), refusal_);
    const auto* const row = std::find(kNames.begin() + 3, kNames.end(), key);
    return row == kNames.end() ? notes_.skip_unread(cursor_, place_, key) : attachment(Place(place_, *row));
  }

  /// What a member of a known type may not be is a problem once the type is known: of others it may be anything.
  Status pass_mistyped(const Place& at, std::string_view expected) {
    JsonCursor value = cursor_;
    CHECK_OK(skip_value(cursor_, at));
    if (problem_ && value.peek() != JsonKind::kNull) problem_ = mistyped(value, at, expected);
    return {};
  }

  Status text(const Place& at, std::optional<std::string>& out) {
    if (cursor_.peek() != JsonKind::kString) return pass_mistyped(at, "a string");
    return read_text(cursor_, at, out.emplace());
  }

  Status words(Part& out) {
    std::optional<std::string>& given = out.kind == PartKind::kText ? text_ : refusal_;
    if (!given) {
      CHECK_OK(problem_);
      return fail_at(Place(place_, type_).text(), ErrorKind::kInvalidInput, "missing; expected a string in a {} part",
                     type_);
    }
    out.text = *std::move(given);
    return {};
  }

  Status attachment(const Place& at) {
    core::PartDetail& detail = detail_.emplace();
    if (cursor_.peek() == JsonKind::kString) return read_url_or_data(cursor_, at, detail);
    if (cursor_.peek() != JsonKind::kObject) return pass_mistyped(at, "an object");
    CHECK_OK(enter_object(cursor_, at));
    MembersOnce own;
    std::string_view key;
    while (cursor_.next_member(key)) {
      CHECK_OK(own.check(at, key, kAttachmentNames));
      const auto* const row = std::find(kAttachmentNames.begin(), kAttachmentNames.end(), key);
      if (row == kAttachmentNames.end()) {
        CHECK_OK(notes_.skip_unread(cursor_, at, key));
      } else {
        CHECK_OK(attachment_member(Place(at, *row), *row, detail));
      }
    }
    return left(cursor_, at);
  }

  Status attachment_member(const Place& at, std::string_view key, core::PartDetail& detail) {
    if (cursor_.peek() != JsonKind::kString) return pass_mistyped(at, "a string");
    if (key == "url") return read_url_or_data(cursor_, at, detail);
    if (key == "file_id") return read_text(cursor_, at, detail.file_id);
    if (key == "filename") return read_text(cursor_, at, detail.file_name);
    if (key == "detail") return read_text(cursor_, at, detail.fidelity);
    if (key != "format") return read_data(cursor_, at, detail);
    std::string_view format;
    CHECK_OK(read_text_view(cursor_, at, format));
    detail.media_type = "audio/" + std::string(format);
    return {};
  }

  Status check_attachment(PartKind kind) const {
    if (kind == PartKind::kOther) return {};
    CHECK_OK(problem_);
    const Place at(place_, type_);
    if (kind == PartKind::kImage && detail_) return check_image(Place(at, "url"), *detail_);
    if (detail_ && !holds_nothing(*detail_)) return {};
    const std::string_view expected = kind == PartKind::kImage   ? R"({"url":"https://HOST/PATH"}, or a data URL there)"
                                      : kind == PartKind::kAudio ? R"({"data":BASE64,"format":"wav"})"
                                                                 : R"({"file_id":...} or {"file_data":...})";
    return fail_at(at.text(), ErrorKind::kInvalidInput, "missing; expected {}", expected);
  }

  JsonCursor& cursor_;
  const Place& place_;
  BodyNotes& notes_;
  MembersOnce once_;
  std::string type_;
  std::optional<std::string> text_, refusal_;
  std::optional<core::PartDetail> detail_;
  Status problem_;
};

// One message. Which content is allowed depends on its other members, wherever they stand.
class MessageReader {
 public:
  MessageReader(JsonCursor& cursor, const Place& place, BodyNotes& notes, core::Message& out) noexcept
      : cursor_(cursor), place_(place), notes_(notes), out_(out) {}

  Status read() {
    if (notes_.places() != nullptr) notes_.places()->messages().push_back({path_of(place_), {}, {}});
    CHECK_OK(enter_object(cursor_, place_));
    std::string_view key;
    while (cursor_.next_member(key)) CHECK_OK(member(key));
    CHECK_OK(left(cursor_, place_));
    // Of a result it names the function, as the call does.
    if (named_ && role_ && *role_ != Role::kTool) notes_.unread(Place(place_, "name"));
    if (!role_)
      return fail_at(Place(place_, "role").text(), ErrorKind::kInvalidInput,
                     "missing; expected system, developer, user, assistant, tool or function");
    if (answers_call_ && out_.tool_call_id.empty())
      return fail_at(Place(place_, "tool_call_id").text(), ErrorKind::kInvalidInput,
                     "{}; expected the id of the call that this answers", id_given_ ? "got \"\"" : "missing");
    if (has_content_ || (*role_ == Role::kAssistant && has_substitute_)) return {};
    return fail_at(Place(place_, "content").text(), ErrorKind::kInvalidInput,
                   "expected a string or an array of parts, got {}; only an assistant's message with tool_calls, "
                   "function_call, refusal or audio may go without",
                   content_is_null_ ? "null" : "nothing");
  }

 private:
  static constexpr std::array<std::string_view, 7> kNames{"role",    "content",      "tool_calls", "function_call",
                                                          "refusal", "tool_call_id", "audio"};

  Status member(std::string_view key) {
    CHECK_OK(once_.check(place_, key, kNames));
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
    if (key == "name") {
      named_ = named_ || cursor_.peek() == JsonKind::kString;
      return skip_value(cursor_, place_);
    }
    if (std::find(kEchoed.begin(), kEchoed.end(), key) != kEchoed.end()) return skip_value(cursor_, place_);
    return notes_.skip_unread(cursor_, place_, key);
  }

  Status role() {
    const Place at(place_, "role");
    std::string_view name;
    CHECK_OK(read_text_view(cursor_, at, name));
    const auto* const row = std::find(kRoleNames.begin(), kRoleNames.end(), name);
    if (row == kRoleNames.end()) return not_among(at, name, kRoleNames);
    role_ = kRoles[static_cast<std::size_t>(row - kRoleNames.begin())];
    out_.role = *role_;
    answers_call_ = *row == "tool";
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
    for (std::size_t i = 0; cursor_.next_element(); ++i) {
      const Place part(at, i);
      CHECK_OK(PartReader(cursor_, part, notes_).read(out_.parts.emplace_back()));
    }
    return left(cursor_, at);
  }

  Status tool_calls() {
    const Place at(place_, "tool_calls");
    if (pass_null(cursor_)) return {};
    CHECK_OK(enter_array(cursor_, at));
    for (std::size_t i = 0; cursor_.next_element(); ++i) {
      CHECK_OK(tool_call(Place(at, i), add_call(Place(at, i))));
    }
    return left(cursor_, at);
  }

  core::ToolCall& add_call(const Place& at) {
    has_substitute_ = true;
    if (notes_.places() != nullptr) notes_.places()->messages().back().arguments.push_back(path_of(at));
    return out_.tool_calls.emplace_back();
  }

  Status tool_call(const Place& at, core::ToolCall& call) {
    static constexpr std::array<std::string_view, 4> kCallNames{"id", "type", "function", "custom"};
    CHECK_OK(enter_object(cursor_, at));
    MembersOnce own;
    std::string type;
    std::string_view key;
    while (cursor_.next_member(key)) {
      CHECK_OK(own.check(at, key, kCallNames));
      if (key == "id") {
        CHECK_OK(read_text(cursor_, Place(at, "id"), call.id));
      } else if (key == "type" && cursor_.peek() == JsonKind::kString) {
        CHECK_OK(read_text(cursor_, Place(at, "type"), type));
      } else if (key == "function") {
        CHECK_OK(function(Place(at, "function"), "arguments", call));
      } else if (key == "custom") {
        CHECK_OK(function(Place(at, "custom"), "input", call));
      } else if (key == "index") {  // of a stream's deltas
        CHECK_OK(skip_value(cursor_, at));
      } else {
        CHECK_OK(notes_.skip_unread(cursor_, at, key));
      }
    }
    CHECK_OK(left(cursor_, at));
    if (call.name.empty() && (type.empty() || type == "function"))
      return fail_at(Place(at, "function").text(), ErrorKind::kInvalidInput,
                     R"(missing; expected {{"name":...,"arguments":...}})");
    if (!call.id.empty()) return {};
    return fail_at(Place(at, "id").text(), ErrorKind::kInvalidInput,
                   "missing; expected the call's identifier, which the tool's message repeats as tool_call_id");
  }

  Status function(const Place& at, std::string_view argument_key, core::ToolCall& call) {
    if (notes_.places() != nullptr)
      notes_.places()->messages().back().arguments.back() = path_of(Place(at, argument_key));
    const std::array<std::string_view, 2> names{"name", argument_key};
    CHECK_OK(enter_object(cursor_, at));
    MembersOnce own;
    std::string_view key;
    while (cursor_.next_member(key)) {
      CHECK_OK(own.check(at, key, names));
      if (key == "name") {
        CHECK_OK(read_text(cursor_, Place(at, "name"), call.name));
      } else if (key == argument_key) {
        CHECK_OK(read_text(cursor_, Place(at, argument_key), call.arguments));
      } else if (key == "parsed_arguments") {  // the client's own copy of the arguments
        CHECK_OK(skip_value(cursor_, at));
      } else {
        CHECK_OK(notes_.skip_unread(cursor_, at, key));
      }
    }
    CHECK_OK(left(cursor_, at));
    if (!call.name.empty()) return {};
    return fail_at(Place(at, "name").text(), ErrorKind::kInvalidInput, "expected the called function's name, got none");
  }

  Status function_call() {
    if (pass_null(cursor_)) return {};
    const Place at(place_, "function_call");
    return function(at, "arguments", add_call(at));
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
    id_given_ = true;
    return read_text(cursor_, Place(place_, "tool_call_id"), out_.tool_call_id);
  }

  JsonCursor& cursor_;
  const Place& place_;
  BodyNotes& notes_;
  core::Message& out_;
  MembersOnce once_;
  std::optional<Role> role_;
  bool answers_call_ = false;  // of the role "tool"; a "function" of old clients has a name instead of an id
  bool id_given_ = false;
  bool has_content_ = false;
  bool content_is_null_ = false;
  bool has_substitute_ = false;
  bool named_ = false;
};

constexpr std::array<std::string_view, 5> kFunctionNames{"name", "description", "parameters", "input_schema", "strict"};

/// What a function's members may be where they do not stand in an object of their own.
enum class Members : std::uint8_t { kStrict, kAnything };

// The members of a function schema, wherever they stand; `type` and `function` are seen by the caller.
Status read_function_member(JsonCursor& cursor, const Place& place, std::string_view key, Members members,
                            BodyNotes& notes, core::ToolDefinition& out) {
  const bool strict = members == Members::kStrict;
  if (key == "name") return read_text(cursor, Place(place, "name"), out.name);
  if (pass_null(cursor)) return {};
  if (key == "description" && (strict || cursor.peek() == JsonKind::kString))
    return read_text(cursor, Place(place, "description"), out.description);
  const bool schema = key == "parameters" || key == "input_schema";
  if (schema && (strict || cursor.peek() == JsonKind::kObject)) {
    if (cursor.peek() != JsonKind::kObject)
      return mistyped(cursor, Place(place, key == "parameters" ? "parameters" : "input_schema"), "an object");
    std::string_view raw;
    if (!cursor.skip(raw)) return malformed(cursor, place);
    out.parameters = std::string(raw);
    return {};
  }
  if (key == "strict" && cursor.peek() == JsonKind::kBool) return read_flag(cursor, place, out.strict);
  return notes.skip_unread(cursor, place, key);
}

Status read_function(JsonCursor& cursor, const Place& place, BodyNotes& notes, core::ToolDefinition& out) {
  CHECK_OK(enter_object(cursor, place));
  MembersOnce own;
  std::string_view key;
  while (cursor.next_member(key)) {
    CHECK_OK(own.check(place, key, kFunctionNames));
    CHECK_OK(read_function_member(cursor, place, key, Members::kStrict, notes, out));
  }
  CHECK_OK(left(cursor, place));
  if (!out.name.empty()) return {};
  return fail_at(Place(place, "name").text(), ErrorKind::kInvalidInput, "expected the function's name, got none");
}

}  // namespace

Status read_message(JsonCursor& cursor, const Place& place, BodyNotes& notes, core::Message& out) {
  return MessageReader(cursor, place, notes, out).read();
}

Status read_tool(JsonCursor& cursor, const Place& place, BodyNotes& notes, core::ToolDefinition& out) {
  static constexpr std::array<std::string_view, 3> kNames{"type", "function", "custom"};
  JsonCursor whole = cursor;
  const std::size_t mark = notes.mark();
  CHECK_OK(enter_object(cursor, place));
  MembersOnce own, bare;
  std::string type;
  bool wrapped = false;
  std::string_view key;
  while (cursor.next_member(key)) {
    CHECK_OK(own.check(place, key, kNames));
    if ((key == "function" || key == "custom") && cursor.peek() == JsonKind::kObject) {
      wrapped = true;
      out = {};
      const bool custom = key == "custom";
      const Place at(place, custom ? "custom" : "function");
      const std::size_t inside = notes.mark();
      CHECK_OK(read_function(cursor, at, notes, out));
      if (custom) notes.unread_whole(inside, at);
    } else if (key == "type") {
      CHECK_OK(read_text(cursor, Place(place, "type"), type));
    } else if (!wrapped) {
      CHECK_OK(bare.check(place, key, kFunctionNames));
      CHECK_OK(read_function_member(cursor, place, key, Members::kAnything, notes, out));
    } else {
      CHECK_OK(notes.skip_unread(cursor, place, key));
    }
  }
  CHECK_OK(left(cursor, place));
  if (out.name.empty() && type != "function") {
    notes.forget(mark);
    out.name = type;
    std::string_view raw;
    if (whole.skip(raw)) out.hosted = std::string(raw);
  }
  if (!out.name.empty()) return {};
  return fail_at(Place(place, "function").text(), ErrorKind::kInvalidInput,
                 R"(missing; expected {{"type":"function","function":{{"name":...,"parameters":...}}}})");
}

}  // namespace thalamus::wire
