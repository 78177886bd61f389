/// The items of an answer and the response object around them, which buffered answers and streams share. Internal to
/// this folder.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/json_writer.h"
#include "thalamus/core/answer.h"
#include "thalamus/wire/openai_chat_error.h"
#include "thalamus/wire/openai_responses_echo.h"

namespace thalamus::wire {

/// A piece of a message's content: text or a refusal.
struct OutputPart {
  bool refusal = false;
  std::string text;
  std::vector<core::TokenLogprob> logprobs = {};  ///< of the text
};

struct OutputItem {
  enum class Kind : std::uint8_t { kReasoning, kMessage, kCall };
  Kind kind = Kind::kMessage;
  std::string id;
  std::vector<OutputPart> parts;  ///< of a message
  std::string summary;            ///< of a thought
  std::string encrypted;          ///< likewise
  core::ToolCall call;
  std::string_view status = "completed";
  bool done = true;  ///< in a stream: its end is said
};

/// What a response object says besides its items.
struct ResponseHead {
  std::string id;
  std::int64_t created_unix_s = 0;
  std::string model;
  const ResponseEcho& echo;
};
struct ResponseEnd {
  std::string_view status = "completed";    ///< "in_progress", "completed", "incomplete", "failed"
  std::string_view incomplete_reason = {};  ///< of "incomplete"
  const core::Usage* usage = nullptr;       ///< null and unknown ones are written as null
  const OpenAiError* error = nullptr;       ///< of "failed"
  std::string_view service_tier = {};       ///< that served it; empty where it is not known
};
/// `usage` is left null. A refusal that was said is a whole answer.
[[nodiscard]] ResponseEnd end_of(core::Finish finish, bool refused) noexcept;

void write_part(base::JsonWriter& writer, const OutputPart& part);
/// "logprobs":[...]
void write_logprobs(base::JsonWriter& writer, std::span<const core::TokenLogprob> logprobs);
void write_summary_part(base::JsonWriter& writer, std::string_view text);
void write_item(base::JsonWriter& writer, const OutputItem& item);
void write_response(base::JsonWriter& writer, const ResponseHead& head, const std::vector<OutputItem>& items,
                    const ResponseEnd& end);

/// `id` with the protocol's prefix for answers; of the `index`-th item, with that item's own.
[[nodiscard]] std::string response_id(const std::string& id);
[[nodiscard]] std::string item_id(const std::string& response, OutputItem::Kind kind, std::size_t index);

/// The identifier of a call that has `id`: itself, or another one where it is empty or taken by an item before. Clients
/// tell calls apart by it.
[[nodiscard]] std::string call_id(const std::string& id, const std::string& response,
                                  const std::vector<OutputItem>& before);

}  // namespace thalamus::wire
