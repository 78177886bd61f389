#include "thalamus/wire/tool_choice.h"

#include <array>

#include "thalamus/wire/body_edits.h"

namespace thalamus::wire {
namespace {

using core::ToolChoice;

constexpr std::array<std::string_view, 3> kWords{"auto", "none", "required"};

constexpr std::string_view kName = "body.tool_choice.name";
constexpr std::string_view kFunctionName = "body.tool_choice.function.name";
constexpr std::string_view kCustomName = "body.tool_choice.custom.name";

/// The members of a choice, or of one of the tools that may be called.
class ChoiceReader {
 public:
  ChoiceReader(JsonCursor& cursor, BodyNotes& notes, ToolChoiceStyle style) noexcept
      : cursor_(cursor), notes_(notes), style_(style) {}

  /// Passes an object.
  Status read(const Place& place) {
    CHECK_OK(enter_object(cursor_, place));
    bool typed = false;
    std::string_view key;
    while (cursor_.next_member(key)) {
      const Place at(place, key);
      if (key == "type") {
        CHECK_OK(once(typed, at));
        CHECK_OK(read_text(cursor_, at, type_));
      } else if (style_ == ToolChoiceStyle::kChat && is_kind(key) && cursor_.peek() == JsonKind::kObject) {
        CHECK_OK(inside(at));
      } else if (style_ == ToolChoiceStyle::kResponses && is_content(key)) {
        CHECK_OK(content(key, at));
      } else {
        CHECK_OK(notes_.skip_unread(cursor_, place, key));
      }
    }
    return left(cursor_, place);
  }

  [[nodiscard]] bool is_named() const { return type_ == "function" || type_ == "custom"; }
  [[nodiscard]] bool is_list() const { return type_ == "allowed_tools"; }
  /// Of old clients a name alone is enough.
  [[nodiscard]] bool is_untyped() const { return type_.empty(); }
  [[nodiscard]] const std::string& type() const noexcept { return type_; }
  [[nodiscard]] std::string take_name() noexcept { return std::move(name_); }
  [[nodiscard]] const std::string& mode() const noexcept { return mode_; }
  [[nodiscard]] std::vector<std::string> take_tools() noexcept { return std::move(tools_); }
  /// Something in it can be said to the own provider only.
  [[nodiscard]] bool is_foreign() const noexcept { return foreign_; }

 private:
  static bool is_kind(std::string_view key) { return key == "function" || key == "custom" || key == "allowed_tools"; }
  bool is_content(std::string_view key) {
    return (key == "name" || key == "mode" || key == "tools") && cursor_.peek() != JsonKind::kNull;
  }

  Status inside(const Place& place) {
    CHECK_OK(enter_object(cursor_, place));
    std::string_view key;
    while (cursor_.next_member(key)) {
      if (is_content(key)) {
        CHECK_OK(content(key, Place(place, key)));
      } else {
        CHECK_OK(notes_.skip_unread(cursor_, place, key));
      }
    }
    return left(cursor_, place);
  }

  Status content(std::string_view key, const Place& at) {
    if (key == "tools") {
      CHECK_OK(once(listed_, at));
      return tools(at);
    }
    if (key == "mode") {
      CHECK_OK(once(has_mode_, at));
      return read_text(cursor_, at, mode_);
    }
    CHECK_OK(once(named_, at));
    return read_text(cursor_, at, name_);
  }

  Status tools(const Place& place) {
    if (cursor_.peek() != JsonKind::kArray) return mistyped(cursor_, place, "an array of the tools that may be called");
    CHECK_OK(enter_array(cursor_, place));
    for (std::size_t i = 0; cursor_.next_element(); ++i) {
      const Place at(place, i);
      if (cursor_.peek() != JsonKind::kObject) return mistyped(cursor_, at, "an object that names a tool");
      ChoiceReader one(cursor_, notes_, style_);
      CHECK_OK(one.read(at));
      if (one.is_named() && !one.name_.empty()) {
        tools_.push_back(one.take_name());
      } else {
        foreign_ = true;
      }
    }
    return left(cursor_, place);
  }

  JsonCursor& cursor_;
  BodyNotes& notes_;
  ToolChoiceStyle style_;
  std::string type_;
  std::string name_;
  std::string mode_;
  std::vector<std::string> tools_;
  bool named_ = false;
  bool has_mode_ = false;
  bool listed_ = false;
  bool foreign_ = false;
};

Status named_choice(ChoiceReader& choice, const Place& place, ToolChoiceStyle style, core::Request& out) {
  std::string name = choice.take_name();
  if (name.empty() && choice.is_untyped()) return {};
  if (name.empty() && style == ToolChoiceStyle::kChat)
    return fail_at(Place(place, choice.type()).text(), ErrorKind::kInvalidInput,
                   R"(missing; expected {{"name":...}} with the name of the tool that must be called)");
  if (name.empty())
    return fail_at(Place(place, "name").text(), ErrorKind::kInvalidInput,
                   "missing; expected the name of the tool that must be called");
  out.tool_choice = ToolChoice::kNamed;
  out.tool_choice_name = std::move(name);
  return {};
}

void write_tool(base::JsonWriter& writer, const std::string& name, ToolChoiceStyle style) {
  writer.begin_object().field("type", "function");
  if (style == ToolChoiceStyle::kChat) {
    writer.key("function").begin_object().field("name", name).end_object();
  } else {
    writer.field("name", name);
  }
  writer.end_object();
}

}  // namespace

Status read_choice_word(JsonCursor& cursor, const Place& place, core::Request& out) {
  std::string_view word;
  CHECK_OK(read_text_view(cursor, place, word));
  for (std::size_t i = 0; i < kWords.size(); ++i)
    if (word == kWords[i]) out.tool_choice = static_cast<ToolChoice>(i);
  return {};
}

Result<std::string_view> read_tool_choice(JsonCursor& cursor, const Place& place, BodyNotes& notes,
                                          ToolChoiceStyle style, core::Request& out) {
  std::string_view name_place = style == ToolChoiceStyle::kChat ? kFunctionName : kName;
  out.tool_choice.reset();
  const std::size_t mark = notes.mark();
  if (cursor.peek() == JsonKind::kString) {
    CHECK_OK(read_choice_word(cursor, place, out));
  } else {
    if (cursor.peek() != JsonKind::kObject) return mistyped(cursor, place, "a string or an object");
    ChoiceReader choice(cursor, notes, style);
    CHECK_OK(choice.read(place));
    const bool known_mode = choice.mode() == "auto" || choice.mode() == "required";
    if (choice.is_named() || (choice.is_untyped() && style == ToolChoiceStyle::kChat)) {
      CHECK_OK(named_choice(choice, place, style, out));
      if (choice.type() == "custom" && style == ToolChoiceStyle::kChat) name_place = kCustomName;
    } else if (choice.is_list() && known_mode && !choice.is_foreign()) {
      out.allowed_tools = choice.take_tools();
      if (!out.allowed_tools.empty())
        out.tool_choice = choice.mode() == "auto" ? ToolChoice::kAuto : ToolChoice::kRequired;
    }
  }
  if (!out.tool_choice) notes.unread_whole(mark, place);
  return name_place;
}

void write_tool_choice(base::JsonWriter& writer, const core::Request& request, ToolChoiceStyle style) {
  if (!request.tool_choice) return;
  const ToolChoice choice = *request.tool_choice;
  writer.key("tool_choice");
  if (choice == ToolChoice::kNamed) return write_tool(writer, request.tool_choice_name, style);
  const std::string_view word = kWords[static_cast<std::size_t>(choice)];
  if (request.allowed_tools.empty() || choice == ToolChoice::kNone) {
    writer.value(word);
    return;
  }
  writer.begin_object().field("type", "allowed_tools");
  if (style == ToolChoiceStyle::kChat) writer.key("allowed_tools").begin_object();
  writer.field("mode", word).key("tools").begin_array();
  for (const std::string& name : request.allowed_tools) write_tool(writer, name, style);
  writer.end_array().end_object();
  if (style == ToolChoiceStyle::kChat) writer.end_object();
}

}  // namespace thalamus::wire
