// Messages -> the system prompt and the turns of a messages request. The protocol wants turns that alternate and begin
// with the user, tool results first in a user's turn, no blank text.
#include <fmt/format.h>

#include "thalamus/base/text.h"
#include "thalamus/wire/anthropic_message.h"

namespace thalamus::wire {
namespace {

using base::JsonWriter;
using core::PartDetail;
using core::PartKind;
using core::Role;

bool is_url(std::string_view text) noexcept { return text.find("://") != std::string_view::npos; }

bool is_blank(std::string_view text) noexcept { return base::trim(text).empty(); }

/// A block, and its text if it is nothing but text.
struct Block {
  std::string json;
  std::string_view text = {};
  bool is_text = false;
};

struct Turn {
  bool assistant = false;
  std::vector<Block> results;
  std::vector<Block> others;
  std::size_t begins = 0;  ///< the message of the request that it begins with
  std::size_t ends = 0;
};

Block text_block(std::string_view text) {
  JsonWriter writer;
  writer.begin_object().field("type", "text").field("text", text).end_object();
  return {writer.take(), text, true};
}

/// Messages -> the system prompt and alternating turns.
class TurnBuilder {
 public:
  TurnBuilder(const core::Request& request, LossList& losses) : request_(request), losses_(losses), ids_(request) {}

  void build() {
    for (std::size_t i = 0; i < request_.messages.size(); ++i) message(request_.messages[i], i);
    if (turns_.empty() && !system_.empty()) {
      losses_.add("request.messages[0]", "a conversation needs a user's turn: the system prompt stands as one");
      turns_.push_back({false, {}, std::move(system_), 0, 0});
      system_.clear();
    }
    if (!turns_.empty() && turns_.front().assistant) {
      losses_.add(place_of(turns_.front().begins),
                  "a conversation begins with the user: a short turn stands before the assistant's");
      turns_.insert(turns_.begin(), Turn{false, {}, {text_block("(the conversation goes on)")}, 0, 0});
    }
    trim_last();
  }

  void write(JsonWriter& writer) const {
    if (!system_.empty()) {
      writer.key("system");
      content(writer, system_, {});
    }
    writer.key("messages").begin_array();
    for (const Turn& turn : turns_) {
      writer.begin_object().field("role", turn.assistant ? "assistant" : "user").key("content");
      content(writer, turn.results, turn.others);
      writer.end_object();
    }
    writer.end_array();
  }

 private:
  static void content(JsonWriter& writer, const std::vector<Block>& first, const std::vector<Block>& then) {
    const Block* const only = first.size() + then.size() != 1 ? nullptr : first.empty() ? &then[0] : &first[0];
    if (only != nullptr && only->is_text) {
      writer.value(only->text);
      return;
    }
    writer.begin_array();
    for (const auto* blocks : {&first, &then})
      for (const Block& block : *blocks) writer.raw(block.json);
    writer.end_array();
  }

  static std::string place_of(std::size_t message) { return fmt::format("request.messages[{}]", message); }

  Turn& turn(bool assistant, std::size_t message) {
    if (turns_.empty() || turns_.back().assistant != assistant) turns_.push_back({assistant, {}, {}, message, message});
    turns_.back().ends = message;
    return turns_.back();
  }

  void message(const core::Message& message, std::size_t index) {
    const std::string where = place_of(index);
    std::vector<Block> blocks;
    for (const core::Part& part : message.parts) add_part(part, message.role, where, blocks);
    if (message.role == Role::kSystem) {
      if (!turns_.empty() && !blocks.empty()) losses_.add(where, "system messages are moved to the front");
      for (Block& block : blocks) system_.push_back(std::move(block));
    } else if (message.role == Role::kTool) {
      turn(false, index).results.push_back(tool_result(message, blocks));
    } else {
      for (std::size_t i = 0; i < message.tool_calls.size(); ++i)
        blocks.push_back(tool_use(message.tool_calls[i], where, i));
      if (blocks.empty()) return;
      Turn& target = turn(message.role == Role::kAssistant, index);
      for (Block& block : blocks) target.others.push_back(std::move(block));
    }
  }

  void add_part(const core::Part& part, Role role, const std::string& where, std::vector<Block>& out) {
    const bool system = role == Role::kSystem;
    switch (part.kind) {
      case PartKind::kText:
      case PartKind::kRefusal:
        if (is_blank(part.text)) {
          if (!part.text.empty()) losses_.add(part, where, "text of nothing but white space is refused");
        } else if (!system && part.detail != nullptr && part.detail->media_type == "text/plain") {
          out.push_back(text_document(part));
        } else {
          out.push_back(text_block(part.text));
        }
        return;
      case PartKind::kReasoning:
        if (!is_signed_thought(part) || role != Role::kAssistant) {
          losses_.add(part, where, "Anthropic takes reasoning back only with its own signature");
          return;
        }
        out.push_back(thought(part));
        return;
      case PartKind::kImage:
      case PartKind::kFile: {
        Block block = attachment(part, role == Role::kUser || role == Role::kTool, where);
        if (!block.json.empty()) out.push_back(std::move(block));
        return;
      }
      case PartKind::kAudio:
      case PartKind::kOther: losses_.add(part, where, "messages have no such content block"); return;
    }
  }

  static Block text_document(const core::Part& part) {
    JsonWriter writer;
    writer.begin_object().field("type", "document").key("source").begin_object().field("type", "text");
    writer.field("media_type", "text/plain").field("data", part.text).end_object();
    if (!part.detail->file_name.empty()) writer.field("title", part.detail->file_name);
    writer.end_object();
    return {writer.take()};
  }

  static Block thought(const core::Part& part) {
    JsonWriter writer;
    if (part.detail->signature.empty()) {
      writer.begin_object().field("type", "redacted_thinking").field("data", part.detail->encrypted).end_object();
    } else {
      writer.begin_object().field("type", "thinking").field("thinking", part.text);
      writer.field("signature", part.detail->signature).end_object();
    }
    return {writer.take()};
  }

  /// An image or a document; no text where it cannot be said.
  Block attachment(const core::Part& part, bool allowed, const std::string& where) {
    static const PartDetail kNone;
    const PartDetail& detail = part.detail != nullptr ? *part.detail : kNone;
    // A client may send an image as a file.
    const bool image = part.kind == PartKind::kImage || detail.media_type.starts_with("image/");
    const bool document = detail.media_type.empty() || detail.media_type == "application/pdf";
    const std::string_view url = detail.url.empty() && is_url(part.text) ? part.text : detail.url;
    JsonWriter source;
    source.begin_object();
    if (!detail.data.empty() && (image || document)) {
      source.field("type", "base64");
      const std::string_view fallback = image ? "image/png" : "application/pdf";
      source.field("media_type", detail.media_type.empty() ? fallback : std::string_view(detail.media_type));
      source.key("data").raw(quoted_raw(detail.data));
    } else if (detail.data.empty() && (url.starts_with("https://") || url.starts_with("http://"))) {
      source.field("type", "url").field("url", url);
    } else if (detail.data.empty() && detail.file_id.starts_with("file_")) {
      source.field("type", "file").field("file_id", detail.file_id);
    } else {
      losses_.add(part, where, "of images and files, messages take data, PDF if not an image, or a URL");
      return {};
    }
    if (!allowed) {
      losses_.add(part, where, "only a user's turn has images and documents");
      return {};
    }
    source.end_object();
    if (!detail.fidelity.empty() && detail.fidelity != "auto")
      losses_.add(detail_place(part, where), "images have no level of detail: this one is given whole");
    JsonWriter writer;
    writer.begin_object().field("type", image ? "image" : "document").key("source").raw(source.text());
    if (!image && !detail.file_name.empty()) writer.field("title", detail.file_name);
    writer.end_object();
    return {writer.take()};
  }

  Block tool_use(const core::ToolCall& call, const std::string& where, std::size_t index) {
    bool wrapped = false;
    const std::string input = tool_input(call.arguments, wrapped);
    if (wrapped)
      losses_.add(fmt::format("{}.arguments[{}]", where, index),
                  "arguments that are no JSON object stand as text under \"input\"");
    JsonWriter writer;
    writer.begin_object().field("type", "tool_use").field("id", legal_id(ids_.call(call.id))).field("name", call.name);
    writer.key("input").raw(input).end_object();
    return {writer.take()};
  }

  // Blocks in a result: text, images, documents.
  Block tool_result(const core::Message& message, const std::vector<Block>& blocks) {
    JsonWriter writer;
    writer.begin_object()
        .field("type", "tool_result")
        .field("tool_use_id", legal_id(ids_.result(message.tool_call_id)));
    if (!blocks.empty()) {
      writer.key("content");
      content(writer, blocks, {});
    }
    if (message.tool_failed) writer.field("is_error", true);
    writer.end_object();
    return {writer.take()};
  }

  /// Letters, digits, underscore and hyphen only.
  static std::string legal_id(std::string_view id) {
    std::string out(id);
    for (char& c : out) {
      const bool legal =
          (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
      if (!legal) c = '_';
    }
    return out;
  }

  // The end of an assistant's text is where the model goes on: white space there is refused.
  void trim_last() {
    if (turns_.empty() || !turns_.back().assistant || turns_.back().others.empty()) return;
    Block& last = turns_.back().others.back();
    if (!last.is_text) return;
    const auto end = last.text.find_last_not_of(" \t\r\n");
    if (end + 1 == last.text.size()) return;
    losses_.add(place_of(turns_.back().ends), "white space at the end of the last turn is refused");
    last = text_block(last.text.substr(0, end + 1));
  }

  const core::Request& request_;
  LossList& losses_;
  std::vector<Block> system_;
  std::vector<Turn> turns_;
  CallIds ids_;
};

}  // namespace

bool is_signed_thought(const core::Part& part) noexcept {
  if (part.kind != PartKind::kReasoning || part.detail == nullptr) return false;
  return !part.detail->signature.empty() || (!part.detail->encrypted.empty() && part.detail->id.empty());
}

void write_turns(const core::Request& request, LossList& losses, JsonWriter& writer) {
  TurnBuilder turns(request, losses);
  turns.build();
  turns.write(writer);
}

}  // namespace thalamus::wire
