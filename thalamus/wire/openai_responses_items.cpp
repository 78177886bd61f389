#include "thalamus/wire/openai_responses_items.h"

#include <algorithm>
#include <array>
#include <optional>

#include "thalamus/base/json_writer.h"
#include "thalamus/wire/attachment.h"
#include "thalamus/wire/body_edits.h"

namespace thalamus::wire {
namespace {

using core::Message;
using core::Part;
using core::PartKind;
using core::Role;

constexpr std::array<std::string_view, 4> kRoleNames{"user", "assistant", "system", "developer"};
constexpr std::array<Role, 4> kRoles{Role::kUser, Role::kAssistant, Role::kSystem, Role::kSystem};
constexpr std::string_view kSignatureMark = "thalamus-signature:";
constexpr std::string_view kForeignMark = "thalamus-encrypted:";

PartKind kind_of(std::string_view type) noexcept {
  if (type == "input_text" || type == "output_text" || type == "text") return PartKind::kText;
  if (type == "input_image") return PartKind::kImage;
  if (type == "input_file") return PartKind::kFile;
  if (type == "input_audio") return PartKind::kAudio;
  return type == "refusal" ? PartKind::kRefusal : PartKind::kOther;
}

/// Members of an item that say what it is, or that it has from an answer: they ask for nothing.
constexpr std::array<std::string_view, 5> kEchoed{"type", "id", "status", "created_by", "parsed_arguments"};

/// Refuses a member that was there already. Names are literals.
class Seen {
 public:
  Status once(const Place& place, std::string_view key) {
    if (std::find(keys_.begin(), keys_.end(), key) != keys_.end())
      return fail_at(Place(place, key).text(), ErrorKind::kInvalidInput, "given twice; give it once");
    keys_.push_back(key);
    return {};
  }

 private:
  std::vector<std::string_view> keys_;
};

// One part of a message's or a tool's content.
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
                     "missing; expected input_text, output_text, input_image, input_file, input_audio, refusal or a "
                     "type the model knows");
    out.kind = kind_of(type_);
    if (out.kind == PartKind::kOther) notes_.forget(mark);  // it is lost as a whole
    if (out.kind != PartKind::kText && out.kind != PartKind::kRefusal) {
      CHECK_OK(check_attachment(out.kind));
      add_detail(place_, std::move(detail_), out);
      return {};
    }
    const std::string_view name = out.kind == PartKind::kText ? "text" : "refusal";
    std::optional<std::string>& text = out.kind == PartKind::kText ? text_ : refusal_;
    if (text) {
      out.text = *std::move(text);
      return {};
    }
    CHECK_OK(out.kind == PartKind::kText ? text_problem_ : refusal_problem_);
    return fail_at(Place(place_, name).text(), ErrorKind::kInvalidInput,
                   "missing; expected a string in a part of type {}", type_);
  }

 private:
  static constexpr std::array<std::string_view, 10> kKeys{"type",     "text",      "refusal",  "image_url",   "file_id",
                                                          "filename", "file_data", "file_url", "input_audio", "detail"};

  Status member(std::string_view key) {
    const auto* const known = std::find(kKeys.begin(), kKeys.end(), key);
    if (known == kKeys.end()) {
      // What an answer said about its text is no input.
      if (key == "logprobs" || key == "parsed") return skip_value(cursor_, place_);
      return notes_.skip_unread(cursor_, place_, key);
    }
    CHECK_OK(seen_.once(place_, *known));
    const Place at(place_, *known);
    if (*known == "type") return read_text(cursor_, at, type_);
    if (*known == "input_audio") return recording(at);
    if (cursor_.peek() != JsonKind::kString) return other_kind(at, *known);
    if (*known == "text") return read_text(cursor_, at, text_.emplace());
    if (*known == "refusal") return read_text(cursor_, at, refusal_.emplace());
    if (*known == "image_url") {
      image_given_ = true;
      return read_url_or_data(cursor_, at, detail_);
    }
    if (*known == "file_id") return read_text(cursor_, at, detail_.file_id);
    if (*known == "filename") return read_text(cursor_, at, detail_.file_name);
    if (*known == "file_data") return read_data(cursor_, at, detail_);
    if (*known == "file_url") return read_text(cursor_, at, detail_.url);
    return read_text(cursor_, at, detail_.fidelity);
  }

  /// A part of an unknown type may use these names for anything: what else they hold is a problem only once the type is
  /// known.
  Status other_kind(const Place& at, std::string_view name) {
    Status* const problem = name == "text"        ? &text_problem_
                            : name == "refusal"   ? &refusal_problem_
                            : name == "image_url" ? &image_problem_
                                                  : nullptr;
    JsonCursor value = cursor_;
    CHECK_OK(skip_value(cursor_, place_));
    if (problem == nullptr || value.peek() == JsonKind::kNull) return {};
    const bool image = problem == &image_problem_;
    *problem = mistyped(value, at, image ? "a string: https://HOST/PATH, or data:image/png;base64,DATA" : "a string");
    return {};
  }

  Status check_attachment(PartKind kind) const {
    const bool nothing = detail_.url.empty() && detail_.data.empty() && detail_.file_id.empty();
    if (kind == PartKind::kImage) {
      CHECK_OK(image_problem_);
      const Place at(place_, "image_url");
      if (!image_given_ && nothing)
        return fail_at(at.text(), ErrorKind::kInvalidInput, "missing; expected an address, a data URL, or a file_id");
      return check_image(at, detail_);
    }
    if (kind != PartKind::kFile || !nothing) return {};
    return fail_at(Place(place_, "file_data").text(), ErrorKind::kInvalidInput,
                   "missing; expected file_data, file_url or file_id");
  }

  Status recording(const Place& at) {
    if (cursor_.peek() != JsonKind::kObject) return skip_value(cursor_, at);
    CHECK_OK(enter_object(cursor_, at));
    Seen seen;
    std::string_view key;
    while (cursor_.next_member(key)) {
      const bool data = key == "data";
      if ((!data && key != "format") || cursor_.peek() != JsonKind::kString) {
        CHECK_OK(notes_.skip_unread(cursor_, at, key));
        continue;
      }
      CHECK_OK(seen.once(at, data ? "data" : "format"));
      if (data) {
        CHECK_OK(read_data(cursor_, Place(at, "data"), detail_));
      } else {
        std::string_view format;
        CHECK_OK(read_text_view(cursor_, Place(at, "format"), format));
        detail_.media_type = "audio/" + std::string(format);
      }
    }
    return left(cursor_, at);
  }

  JsonCursor& cursor_;
  const Place& place_;
  BodyNotes& notes_;
  Seen seen_;
  std::string type_;
  std::optional<std::string> text_;
  std::optional<std::string> refusal_;
  Status text_problem_, refusal_problem_, image_problem_;
  bool image_given_ = false;
  core::PartDetail detail_;
};

/// A string or an array of parts.
Status read_content(JsonCursor& cursor, const Place& place, BodyNotes& notes, std::vector<Part>& out) {
  if (cursor.peek() == JsonKind::kString) return read_text(cursor, place, out.emplace_back().text);
  if (cursor.peek() != JsonKind::kArray) return mistyped(cursor, place, "a string or an array of parts");
  CHECK_OK(enter_array(cursor, place));
  for (std::size_t i = 0; cursor.next_element(); ++i) {
    const Place at(place, i);
    CHECK_OK(PartReader(cursor, at, notes).read(out.emplace_back()));
  }
  return left(cursor, place);
}

// What the members of an item mean depends on its type, which may stand anywhere in it: it is looked for first.
class InputReader {
 public:
  InputReader(JsonCursor& cursor, BodyNotes& notes, std::vector<Message>& out) noexcept
      : cursor_(cursor), notes_(notes), out_(out) {}

  Status item(const Place& place) {
    if (cursor_.peek() != JsonKind::kObject) return mistyped(cursor_, place, "an object");
    std::string type;
    CHECK_OK(look_for_type(place, type));
    if (type == "message") return message(place);
    if (type == "function_call") return function_call(place);
    if (type == "function_call_output") return function_call_output(place);
    if (type == "reasoning") return reasoning(place);
    if (type == "custom_tool_call") return custom_call(place);
    if (type == "custom_tool_call_output") return function_call_output(place);
    CHECK_OK(skip_value(cursor_, place));
    Part other{PartKind::kOther, type};
    add_detail(place, {}, other);
    turn(Joins::kThought).parts.push_back(std::move(other));
    return {};
  }

 private:
  /// What joins the assistant's turn that is open.
  enum class Joins : std::uint8_t { kThought, kText, kCall };

  Status look_for_type(const Place& place, std::string& type) {
    JsonCursor ahead = cursor_;
    bool typed = false, role = false, id = false;
    std::string_view key;
    if (!ahead.enter_object()) return malformed(ahead, place);
    while (ahead.next_member(key)) {
      role = role || key == "role";
      id = id || key == "id";
      if (key == "type") {
        CHECK_OK(once(typed, Place(place, "type")));
        if (!pass_null(ahead)) CHECK_OK(read_text(ahead, Place(place, "type"), type));
      } else {
        CHECK_OK(skip_value(ahead, place));
      }
    }
    CHECK_OK(left(ahead, place));
    if (!type.empty()) return {};
    if (!role && !id)
      return fail_at(Place(place, "type").text(), ErrorKind::kInvalidInput,
                     "missing; expected message, function_call, function_call_output, reasoning or a type the provider "
                     "knows");
    type = role ? "message" : "item_reference";
    return {};
  }

  /// Runs `read(name, place)` over the members that are among `names`; each may be there once, null counts as absent.
  template <std::size_t kCount, class Read>
  Status members(const Place& place, const std::array<std::string_view, kCount>& names, Read read) {
    CHECK_OK(enter_object(cursor_, place));
    Seen seen;
    std::string_view key;
    while (cursor_.next_member(key)) {
      const auto* const name = std::find(names.begin(), names.end(), key);
      if (name == names.end()) {
        const bool idle = std::find(kEchoed.begin(), kEchoed.end(), key) != kEchoed.end();
        CHECK_OK(idle ? skip_value(cursor_, place) : notes_.skip_unread(cursor_, place, key));
        continue;
      }
      CHECK_OK(seen.once(place, *name));
      if (!pass_null(cursor_)) CHECK_OK(read(*name, Place(place, *name)));
    }
    return left(cursor_, place);
  }

  Status message(const Place& place) {
    static constexpr std::array<std::string_view, 2> kNames{"role", "content"};
    std::optional<Role> role;
    std::optional<std::vector<Part>> content;
    const Status read = members(place, kNames, [&](std::string_view name, const Place& at) -> Status {
      if (name == "content") return read_content(cursor_, at, notes_, content.emplace());
      std::string_view word;
      CHECK_OK(read_text_view(cursor_, at, word));
      const auto* const row = std::find(kRoleNames.begin(), kRoleNames.end(), word);
      if (row == kRoleNames.end()) return not_among(at, word, kRoleNames);
      role = kRoles[static_cast<std::size_t>(row - kRoleNames.begin())];
      return {};
    });
    CHECK_OK(read);
    if (!role)
      return fail_at(Place(place, "role").text(), ErrorKind::kInvalidInput,
                     "missing; expected user, assistant, system or developer");
    if (!content)
      return fail_at(Place(place, "content").text(), ErrorKind::kInvalidInput,
                     "missing; expected a string or an array of parts");
    if (*role == Role::kAssistant) {
      std::vector<Part>& parts = turn(Joins::kText).parts;
      std::move(content->begin(), content->end(), std::back_inserter(parts));
      return {};
    }
    in_turn_ = false;
    Message& added = out_.emplace_back();
    added.role = *role;
    added.parts = *std::move(content);
    return {};
  }

  Status function_call(const Place& place) {
    static constexpr std::array<std::string_view, 3> kNames{"call_id", "name", "arguments"};
    core::ToolCall call;
    CHECK_OK(members(place, kNames, [&](std::string_view name, const Place& at) {
      if (name == "call_id") return read_text(cursor_, at, call.id);
      return read_text(cursor_, at, name == "name" ? call.name : call.arguments);
    }));
    if (call.name.empty())
      return fail_at(Place(place, "name").text(), ErrorKind::kInvalidInput,
                     "expected the called function's name, got none");
    if (call.id.empty())
      return fail_at(Place(place, "call_id").text(), ErrorKind::kInvalidInput,
                     "expected the call's identifier, which its function_call_output repeats; got none");
    turn(Joins::kCall).tool_calls.push_back(std::move(call));
    return {};
  }

  /// Free text is no JSON: it becomes the one argument of a function, as other protocols take it.
  Status custom_call(const Place& place) {
    static constexpr std::array<std::string_view, 3> kNames{"call_id", "name", "input"};
    core::ToolCall call;
    std::string input;
    CHECK_OK(members(place, kNames, [&](std::string_view name, const Place& at) {
      if (name == "call_id") return read_text(cursor_, at, call.id);
      if (name == "name") return read_text(cursor_, at, call.name);
      notes_.unread(at);
      return read_text(cursor_, at, input);
    }));
    if (call.name.empty())
      return fail_at(Place(place, "name").text(), ErrorKind::kInvalidInput,
                     "expected the called tool's name, got none");
    if (call.id.empty())
      return fail_at(Place(place, "call_id").text(), ErrorKind::kInvalidInput,
                     "expected the call's identifier, which its custom_tool_call_output repeats; got none");
    base::JsonWriter arguments;
    arguments.begin_object().field("input", input).end_object();
    call.arguments = arguments.take();
    turn(Joins::kCall).tool_calls.push_back(std::move(call));
    return {};
  }

  Status function_call_output(const Place& place) {
    static constexpr std::array<std::string_view, 2> kNames{"call_id", "output"};
    Message result;
    result.role = Role::kTool;
    bool given = false;
    CHECK_OK(members(place, kNames, [&](std::string_view name, const Place& at) {
      if (name == "call_id") return read_text(cursor_, at, result.tool_call_id);
      given = true;
      return read_content(cursor_, at, notes_, result.parts);
    }));
    if (result.tool_call_id.empty())
      return fail_at(Place(place, "call_id").text(), ErrorKind::kInvalidInput,
                     "expected the identifier of the function_call that this is the output of, got none");
    if (!given)
      return fail_at(Place(place, "output").text(), ErrorKind::kInvalidInput,
                     "missing; expected a string or an array of parts");
    in_turn_ = false;
    out_.push_back(std::move(result));
    return {};
  }

  Status reasoning(const Place& place) {
    static constexpr std::array<std::string_view, 4> kNames{"id", "summary", "content", "encrypted_content"};
    core::PartDetail detail;
    std::string summary, content, encrypted;
    CHECK_OK(members(place, kNames, [&](std::string_view name, const Place& at) {
      if (name == "id") return read_text(cursor_, at, detail.id);
      if (name == "encrypted_content") return read_text(cursor_, at, encrypted);
      return thoughts(at, name == "summary" ? summary : content);
    }));
    unseal(encrypted, detail);
    Part part{PartKind::kReasoning, std::move(summary)};
    if (!part.text.empty() && !content.empty()) part.text += "\n\n";
    part.text += content;
    detail.place = place.text().substr(std::string_view("body.").size());
    part.detail = std::make_shared<const core::PartDetail>(std::move(detail));
    turn(Joins::kThought).parts.push_back(std::move(part));
    return {};
  }

  // An array of parts with a text each; they become paragraphs.
  Status thoughts(const Place& place, std::string& out) {
    CHECK_OK(enter_array(cursor_, place));
    for (std::size_t i = 0; cursor_.next_element(); ++i) {
      static constexpr std::array<std::string_view, 1> kNames{"text"};
      const Status read = members(Place(place, i), kNames, [&](std::string_view, const Place& at) {
        std::string text;
        Status taken = read_text(cursor_, at, text);
        if (!out.empty() && !text.empty()) out += "\n\n";
        out += text;
        return taken;
      });
      CHECK_OK(read);
    }
    return left(cursor_, place);
  }

  // Other protocols want the calls of a turn in one message, next to what was said and thought before them. A second
  // message or thought without a call in between is a turn of its own.
  Message& turn(Joins what) {
    if (in_turn_) {
      Message& open = out_.back();
      const bool said = std::any_of(open.parts.begin(), open.parts.end(), [](const Part& part) {
        return part.kind != PartKind::kReasoning && part.kind != PartKind::kOther;
      });
      if (what == Joins::kCall || !open.tool_calls.empty() || !said) return open;
    }
    in_turn_ = true;
    Message& added = out_.emplace_back();
    added.role = Role::kAssistant;
    return added;
  }

  JsonCursor& cursor_;
  BodyNotes& notes_;
  std::vector<Message>& out_;
  bool in_turn_ = false;  // the last message is an assistant's that the next item may join
};

/// What the item at `at` made: a message if there are more of them than were noted, a call of the last one likewise.
void note_places(BodyNotes& notes, const Place& at, std::size_t messages, std::size_t calls) {
  if (notes.places() == nullptr) return;
  std::vector<MessagePlaces>& noted = notes.places()->messages();
  if (noted.size() < messages) noted.push_back({path_of(at), {}, {}});
  std::vector<std::string>& arguments = noted.back().arguments;
  if (arguments.size() < calls) arguments.push_back(path_of(Place(at, "arguments")));
}

}  // namespace

Status read_input(JsonCursor& cursor, const Place& place, const DecodeLimits& limits, BodyNotes& notes,
                  std::vector<Message>& out) {
  if (cursor.peek() == JsonKind::kString) {
    note_places(notes, place, out.size() + 1, 0);
    return read_text(cursor, place, out.emplace_back().parts.emplace_back().text);
  }
  if (cursor.peek() != JsonKind::kArray) return mistyped(cursor, place, "a string or a non-empty array of items");
  CHECK_OK(enter_array(cursor, place));
  InputReader reader(cursor, notes, out);
  std::size_t count = 0;
  for (; cursor.next_element(); ++count) {
    if (count == limits.messages_max)
      return fail_at(place.text(), ErrorKind::kTooLarge, "more than {} items; shorten the conversation",
                     limits.messages_max);
    const Place at(place, count);
    CHECK_OK(reader.item(at));
    note_places(notes, at, out.size(), out.back().tool_calls.size());
  }
  CHECK_OK(left(cursor, place));
  if (count > 0) return {};
  return fail_at(place.text(), ErrorKind::kInvalidInput,
                 "expected a string or a non-empty array of items, got []; give at least one message");
}

std::string sealed_signature(std::string_view signature) { return std::string(kSignatureMark).append(signature); }
std::string sealed_foreign(std::string_view encrypted) { return std::string(kForeignMark).append(encrypted); }

std::string sealed(const core::PartDetail& detail) {
  if (!detail.encrypted.empty()) return detail.id.empty() ? sealed_foreign(detail.encrypted) : detail.encrypted;
  return detail.signature.empty() ? std::string() : sealed_signature(detail.signature);
}

void unseal(std::string_view text, core::PartDetail& detail) {
  if (text.starts_with(kSignatureMark)) {
    detail.id.clear();
    detail.signature = text.substr(kSignatureMark.size());
  } else if (text.starts_with(kForeignMark)) {
    detail.id.clear();
    detail.encrypted = text.substr(kForeignMark.size());
  } else {
    detail.encrypted = text;
    if (!text.empty() && detail.id.empty()) detail.id = kNamelessThought;
  }
}

}  // namespace thalamus::wire
