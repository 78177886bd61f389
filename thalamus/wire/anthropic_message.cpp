#include "thalamus/wire/anthropic_message.h"

#include <algorithm>
#include <array>
#include <optional>

#include "thalamus/wire/attachment.h"

namespace thalamus::wire {
namespace {

using core::Part;
using core::PartDetail;
using core::PartKind;
using core::Role;

constexpr std::array<std::string_view, 3> kRoleNames{"user", "assistant", "system"};
constexpr std::array<Role, 3> kRoles{Role::kUser, Role::kAssistant, Role::kSystem};
constexpr std::array<std::string_view, 3> kImageSources{"base64", "url", "file"};
constexpr std::array<std::string_view, 5> kDocumentSources{"base64", "url", "file", "text", "content"};

/// Members of an answer that clients send back with it.
constexpr std::array<std::string_view, 6> kEchoed{"id", "type", "model", "stop_reason", "stop_sequence", "usage"};

/// The blocks of one turn, of a tool's result or of a document.
struct Blocks {
  std::vector<Part> parts;
  std::vector<core::ToolCall> calls;
  std::vector<core::Message> results;
  std::string call_place;                    // of the first call
  std::string result_place;                  // of the first result
  std::vector<MessagePlaces> result_places;  // of each result, where somebody asks
};

/// What lies under `source`.
struct Source {
  std::string_view data;
  std::optional<std::string> type, media_type, url, file_id;
  bool has_data = false;
  bool has_content = false;
  Blocks content;
};

class BlockReader {
 public:
  BlockReader(JsonCursor& cursor, BodyNotes& notes) noexcept : cursor_(cursor), notes_(notes) {}

  /// A string, or an array of blocks.
  Status content(const Place& at, Blocks& out) {
    if (cursor_.peek() == JsonKind::kString) return read_text(cursor_, at, out.parts.emplace_back().text);
    if (cursor_.peek() != JsonKind::kArray) return mistyped(cursor_, at, "a string or an array of content blocks");
    CHECK_OK(enter_array(cursor_, at));
    for (std::size_t i = 0; cursor_.next_element(); ++i) CHECK_OK(block(Place(at, i), out));
    return left(cursor_, at);
  }

 private:
  // The type decides what the other members must be, wherever it stands; it is nearly always the first.
  Status type_of(const Place& at, std::string& type) {
    if (cursor_.peek() != JsonKind::kObject) return mistyped(cursor_, at, "a content block");
    JsonCursor ahead = cursor_;
    CHECK_OK(enter_object(ahead, at));
    std::string_view key;
    while (ahead.next_member(key)) {
      if (key == "type") return read_text(ahead, Place(at, "type"), type);
      CHECK_OK(skip_value(ahead, at));
    }
    CHECK_OK(left(ahead, at));
    return missing(at, "type", "text, image, document, tool_use, tool_result, thinking or a type the model knows");
  }

  Status block(const Place& at, Blocks& out) {
    std::string type;
    CHECK_OK(type_of(at, type));
    if (type == "text") return text(at, out);
    if (type == "image") return attachment(at, PartKind::kImage, kImageSources, out);
    if (type == "document") return attachment(at, PartKind::kFile, kDocumentSources, out);
    if (type == "tool_use") return tool_use(at, out);
    if (type == "tool_result") return tool_result(at, out);
    if (type == "thinking" || type == "redacted_thinking") return thinking(at, type, out);
    if (type == "search_result") return search_result(at, out);
    Part& part = out.parts.emplace_back();
    part.kind = PartKind::kOther;
    part.text = type;
    add_detail(at, {}, part);
    const std::size_t mark = notes_.mark();
    CHECK_OK(members(at, {}, [](std::string_view) -> Result<bool> { return false; }));
    notes_.forget(mark);  // it is lost as a whole
    return {};
  }

  /// Runs `member` over a block: it says whether it has passed the value. Each of `names` may stand once.
  template <class Member>
  Status members(const Place& at, std::span<const std::string_view> names, Member member) {
    static constexpr std::array<std::string_view, 1> kType{"type"};
    CHECK_OK(enter_object(cursor_, at));
    MembersOnce own;
    MembersOnce common;
    std::string_view key;
    while (cursor_.next_member(key)) {
      CHECK_OK(common.check(at, key, kType));
      CHECK_OK(own.check(at, key, names));
      TRY(const bool passed, member(key));
      if (passed) continue;
      const bool idle = key == "type" || key == "parsed_output";  // the latter a client's own copy of the text
      CHECK_OK(idle ? skip_value(cursor_, at) : notes_.skip_unread(cursor_, at, key));
    }
    return left(cursor_, at);
  }

  Result<bool> take(const Place& at, std::string_view name, std::optional<std::string>& out) {
    CHECK_OK(read_text(cursor_, Place(at, name), out.emplace()));
    return true;
  }

  Status text(const Place& at, Blocks& out) {
    static constexpr std::array<std::string_view, 1> kNames{"text"};
    std::optional<std::string> text;
    const auto member = [&](std::string_view key) -> Result<bool> {
      if (key != "text") return false;
      return take(at, "text", text);
    };
    CHECK_OK(members(at, kNames, member));
    if (!text) return missing(at, "text", "a string");
    out.parts.emplace_back().text = *std::move(text);
    return {};
  }

  Status thinking(const Place& at, std::string_view type, Blocks& out) {
    static constexpr std::array<std::string_view, 3> kNames{"thinking", "signature", "data"};
    std::optional<std::string> thought, signature, data;
    const bool redacted = type != "thinking";
    const auto member = [&](std::string_view key) -> Result<bool> {
      if (key == "thinking" && !redacted) return take(at, "thinking", thought);
      if (key == "signature" && !redacted) return take(at, "signature", signature);
      if (key == "data" && redacted) return take(at, "data", data);
      return false;
    };
    CHECK_OK(members(at, kNames, member));
    if (redacted && !data) return missing(at, "data", "a string");
    if (!redacted && !thought) return missing(at, "thinking", "a string");
    Part& part = out.parts.emplace_back();
    part.kind = PartKind::kReasoning;
    part.text = std::move(thought).value_or("");
    PartDetail detail;
    if (data) detail.encrypted = *std::move(data);
    if (signature && !split_foreign_signature(*signature, detail.id, detail.encrypted))
      detail.signature = *std::move(signature);
    add_detail(at, std::move(detail), part);
    return {};
  }

  Status tool_use(const Place& at, Blocks& out) {
    static constexpr std::array<std::string_view, 3> kNames{"id", "name", "input"};
    std::optional<std::string> id, name;
    std::string_view input;
    const auto member = [&](std::string_view key) -> Result<bool> {
      if (key == "id") return take(at, "id", id);
      if (key == "name") return take(at, "name", name);
      if (key != "input") return false;
      const Place place(at, "input");
      if (cursor_.peek() != JsonKind::kObject) return mistyped(cursor_, place, "an object");
      if (!cursor_.skip(input)) return malformed(cursor_, place);
      return true;
    };
    CHECK_OK(members(at, kNames, member));
    if (!id || id->empty()) return missing(at, "id", "the identifier of the call");
    if (!name || name->empty()) return missing(at, "name", "the name of the called tool");
    if (input.empty()) return missing(at, "input", "an object");
    if (out.calls.empty()) out.call_place = at.text();
    out.calls.push_back({*std::move(id), *std::move(name), std::string(input)});
    return {};
  }

  Status tool_result(const Place& at, Blocks& out) {
    static constexpr std::array<std::string_view, 3> kNames{"tool_use_id", "content", "is_error"};
    std::optional<std::string> id;
    Blocks inner;
    core::Message result;
    result.role = Role::kTool;
    const auto member = [&](std::string_view key) -> Result<bool> {
      if (key == "tool_use_id") return take(at, "tool_use_id", id);
      if (key != "content" && key != "is_error") return false;
      if (pass_null(cursor_)) return true;
      if (key == "is_error") {
        CHECK_OK(read_flag(cursor_, Place(at, "is_error"), result.tool_failed));
      } else {
        CHECK_OK(content(Place(at, "content"), inner));
      }
      return true;
    };
    CHECK_OK(members(at, kNames, member));
    if (!id || id->empty()) return missing(at, "tool_use_id", "the identifier of the answered call");
    CHECK_OK(only_parts(inner));
    result.tool_call_id = *std::move(id);
    result.parts = std::move(inner.parts);
    if (out.results.empty()) out.result_place = at.text();
    if (notes_.places() != nullptr) out.result_places.push_back({path_of(at), path_of(Place(at, "is_error")), {}});
    out.results.push_back(std::move(result));
    return {};
  }

  static Status only_parts(const Blocks& blocks) {
    const std::string& place = blocks.calls.empty() ? blocks.result_place : blocks.call_place;
    if (place.empty()) return {};
    return fail_at(place, ErrorKind::kInvalidInput, "expected text, an image or a document here, got a {} block",
                   blocks.calls.empty() ? "tool_result" : "tool_use");
  }

  // A passage that the client found itself: any model can read it as text.
  Status search_result(const Place& at, Blocks& out) {
    static constexpr std::array<std::string_view, 3> kNames{"source", "title", "content"};
    std::optional<std::string> source, title;
    Blocks inner;
    const auto member = [&](std::string_view key) -> Result<bool> {
      if (key == "source") return take(at, "source", source);
      if (key == "title") return take(at, "title", title);
      if (key != "content") return false;
      CHECK_OK(content(Place(at, "content"), inner));
      return true;
    };
    CHECK_OK(members(at, kNames, member));
    CHECK_OK(only_parts(inner));
    std::string text = std::move(title).value_or("");
    if (source) text += (text.empty() ? "" : "\n") + *source;
    for (const Part& part : inner.parts) text += (text.empty() ? "" : "\n") + part.text;
    out.parts.emplace_back().text = std::move(text);
    return {};
  }

  Status attachment(const Place& at, PartKind kind, std::span<const std::string_view> types, Blocks& out) {
    static constexpr std::array<std::string_view, 3> kNames{"source", "title", "context"};
    std::optional<Source> source;
    std::string title;
    const auto member = [&](std::string_view key) -> Result<bool> {
      if (key == "source") {
        CHECK_OK(read_source(Place(at, "source"), types, source.emplace()));
        return true;
      }
      if (key != "title" || cursor_.peek() != JsonKind::kString) return false;
      CHECK_OK(read_text(cursor_, Place(at, "title"), title));
      return true;
    };
    CHECK_OK(members(at, kNames, member));
    if (!source) return missing(at, "source", "an object");
    if (source->type == "content") {
      CHECK_OK(only_parts(source->content));
      for (Part& part : source->content.parts) out.parts.push_back(std::move(part));
      return {};
    }
    Part part;
    part.kind = kind;
    PartDetail detail;
    detail.file_name = std::move(title);
    detail.media_type = std::move(source->media_type).value_or("");
    detail.url = std::move(source->url).value_or("");
    detail.file_id = std::move(source->file_id).value_or("");
    if (source->type == "text") {
      // An empty one stays so, instead of being called by its title.
      std::string text;
      append_unescaped(text, source->data);
      part.kind = PartKind::kText;
      detail.media_type = "text/plain";
      add_detail(at, std::move(detail), part);
      part.text = std::move(text);
      out.parts.push_back(std::move(part));
      return {};
    }
    detail.data = source->data;
    add_detail(at, std::move(detail), part);
    out.parts.push_back(std::move(part));
    return {};
  }

  Status read_source(const Place& at, std::span<const std::string_view> types, Source& out) {
    static constexpr std::array<std::string_view, 6> kNames{"type", "media_type", "data", "url", "file_id", "content"};
    CHECK_OK(enter_object(cursor_, at));
    MembersOnce own;
    std::string_view key;
    while (cursor_.next_member(key)) {
      CHECK_OK(own.check(at, key, kNames));
      CHECK_OK(source_member(at, key, out));
    }
    CHECK_OK(left(cursor_, at));
    if (std::find(types.begin(), types.end(), out.type.value_or("")) == types.end())
      return missing_or_not_among(Place(at, "type"), out.type, types);
    if (out.type == "file" && !out.file_id) return missing(at, "file_id", "a string");
    if (out.type == "content" && !out.has_content) return missing(at, "content", "a string or content blocks");
    if (out.type == "text" && !out.has_data) return missing(at, "data", "a string");
    if (out.type == "url") return check_url(at, out);
    return out.type == "base64" ? check_base64(at, out) : Status{};
  }

  static Status check_url(const Place& at, const Source& source) {
    constexpr std::string_view kExpected = "an address such as https://HOST/PATH";
    if (!source.url) return missing(at, "url", kExpected);
    if (source.url->find("://") != std::string::npos) return {};
    return fail_at(Place(at, "url").text(), ErrorKind::kInvalidInput, "expected {}, got {}", kExpected,
                   quoted(*source.url));
  }

  static Status check_base64(const Place& at, const Source& source) {
    if (!source.has_data) return missing(at, "data", "a string of base64");
    if (!source.media_type) return missing(at, "media_type", "a media type such as image/png or application/pdf");
    if (source.media_type->find('/') == std::string::npos)
      return fail_at(Place(at, "media_type").text(), ErrorKind::kInvalidInput,
                     "expected a media type such as image/png or application/pdf, got {}", quoted(*source.media_type));
    if (source.data.empty())
      return fail_at(Place(at, "data").text(), ErrorKind::kInvalidInput, "expected base64, got \"\"");
    if (!source.data.starts_with("data:")) return {};
    return fail_at(Place(at, "data").text(), ErrorKind::kInvalidInput,
                   "expected base64 alone, without \"data:...;base64,\" before it; got {}", quoted(source.data));
  }

  Status source_member(const Place& at, std::string_view key, Source& out) {
    if (key == "type") return read_text(cursor_, Place(at, "type"), out.type.emplace());
    if (key == "media_type") return read_text(cursor_, Place(at, "media_type"), out.media_type.emplace());
    if (key == "url") return read_text(cursor_, Place(at, "url"), out.url.emplace());
    if (key == "file_id") return read_text(cursor_, Place(at, "file_id"), out.file_id.emplace());
    if (key == "content") {
      out.has_content = true;
      return content(Place(at, "content"), out.content);
    }
    if (key != "data") return notes_.skip_unread(cursor_, at, key);
    const Place place(at, "data");
    if (cursor_.peek() != JsonKind::kString) return mistyped(cursor_, place, "a string");
    std::string_view raw;
    if (!cursor_.skip(raw)) return malformed(cursor_, place);
    out.data = raw.substr(1, raw.size() - 2);
    out.has_data = true;
    return {};
  }

  JsonCursor& cursor_;
  BodyNotes& notes_;
};

}  // namespace

Status read_turn(JsonCursor& cursor, const Place& place, BodyNotes& notes, std::vector<core::Message>& out) {
  static constexpr std::array<std::string_view, 2> kNames{"role", "content"};
  CHECK_OK(enter_object(cursor, place));
  MembersOnce own;
  std::optional<Role> role;
  std::optional<Blocks> blocks;
  std::string_view key;
  while (cursor.next_member(key)) {
    CHECK_OK(own.check(place, key, kNames));
    if (key == "role") {
      const Place at(place, "role");
      std::string_view name;
      CHECK_OK(read_text_view(cursor, at, name));
      const auto* const row = std::find(kRoleNames.begin(), kRoleNames.end(), name);
      if (row == kRoleNames.end()) return not_among(at, name, kRoleNames);
      role = kRoles[static_cast<std::size_t>(row - kRoleNames.begin())];
    } else if (key == "content") {
      CHECK_OK(BlockReader(cursor, notes).content(Place(place, "content"), blocks.emplace()));
    } else if (std::find(kEchoed.begin(), kEchoed.end(), key) != kEchoed.end()) {
      CHECK_OK(skip_value(cursor, place));
    } else {
      CHECK_OK(notes.skip_unread(cursor, place, key));
    }
  }
  CHECK_OK(left(cursor, place));
  if (!role) return missing(place, "role", "user or assistant");
  if (!blocks) return missing(place, "content", "a string or an array of content blocks");
  if (!blocks->calls.empty() && *role != Role::kAssistant)
    return fail_at(blocks->call_place, ErrorKind::kInvalidInput, "tool_use blocks belong into assistant messages");
  if (!blocks->results.empty() && *role != Role::kUser)
    return fail_at(blocks->result_place, ErrorKind::kInvalidInput, "tool_result blocks belong into user messages");
  const bool only_results = !blocks->results.empty() && blocks->parts.empty();
  if (*role == Role::kUser && blocks->parts.empty() && !only_results)
    return fail_at(Place(place, "content").text(), ErrorKind::kInvalidInput,
                   "expected a string or at least one content block, got []");
  for (core::Message& result : blocks->results) out.push_back(std::move(result));
  if (BodyPlaces* const places = notes.places()) {
    for (MessagePlaces& result : blocks->result_places) places->messages().push_back(std::move(result));
    if (!only_results) places->messages().push_back({path_of(place), {}, {}});
  }
  if (only_results) return {};
  core::Message& message = out.emplace_back();
  message.role = *role;
  message.parts = std::move(blocks->parts);
  message.tool_calls = std::move(blocks->calls);
  return {};
}

Status read_system(JsonCursor& cursor, const Place& place, BodyNotes& notes, core::Message& out) {
  Blocks blocks;
  CHECK_OK(BlockReader(cursor, notes).content(place, blocks));
  const std::string& wrong = blocks.calls.empty() ? blocks.result_place : blocks.call_place;
  if (!wrong.empty())
    return fail_at(wrong, ErrorKind::kInvalidInput, "expected a text block, got a {} block",
                   blocks.calls.empty() ? "tool_result" : "tool_use");
  out.role = Role::kSystem;
  out.parts = std::move(blocks.parts);
  return {};
}

}  // namespace thalamus::wire
