// core::Answer -> response.
#include "thalamus/wire/openai_responses_encode.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "thalamus/wire/openai_chat_logprobs.h"
#include "thalamus/wire/openai_responses_format.h"
#include "thalamus/wire/openai_responses_items.h"

namespace thalamus::wire {
namespace {

using base::JsonWriter;

constexpr std::string_view kResponsePrefix = "resp_";

void write_usage(JsonWriter& writer, const core::Usage* usage) {
  writer.key("usage");
  if (usage == nullptr || !usage->known) {
    writer.null();
    return;
  }
  writer.begin_object().field("input_tokens", usage->input).key("input_tokens_details").begin_object();
  writer.field("cached_tokens", usage->cached_input).field("cache_write_tokens", usage->cache_write).end_object();
  writer.field("output_tokens", usage->output).key("output_tokens_details").begin_object();
  writer.field("reasoning_tokens", usage->reasoning).end_object();
  writer.field("total_tokens", std::uint64_t{usage->input} + usage->output).end_object();
}

void write_end(JsonWriter& writer, const ResponseEnd& end) {
  writer.key("error");
  if (end.error == nullptr) {
    writer.null();
  } else {
    // A closed set, in which most failures have no name.
    const std::string_view code = end.error->code == "rate_limit_exceeded" ? end.error->code : "server_error";
    writer.begin_object().field("code", code).field("message", end.error->message).end_object();
  }
  writer.key("incomplete_details");
  if (end.incomplete_reason.empty()) {
    writer.null();
  } else {
    writer.begin_object().field("reason", end.incomplete_reason).end_object();
  }
}

std::vector<OutputItem> items_of(const core::Answer& answer, const std::string& response) {
  std::vector<OutputItem> items;
  const auto add = [&](OutputItem::Kind kind) -> OutputItem& {
    const std::string id = item_id(response, kind, items.size());
    OutputItem& item = items.emplace_back();
    item.kind = kind;
    item.id = id;
    return item;
  };
  for (const core::Part& part : answer.reasoning) {
    OutputItem& item = add(OutputItem::Kind::kReasoning);
    item.summary = part.text;
    if (part.detail == nullptr) continue;
    item.encrypted = sealed(*part.detail);
    if (!part.detail->id.empty()) item.id = part.detail->id;
  }
  const bool nothing = answer.reasoning.empty() && answer.tool_calls.empty();
  if (!answer.text.empty() || !answer.refusal.empty() || nothing) {
    OutputItem& item = add(OutputItem::Kind::kMessage);
    if (!answer.text.empty() || answer.refusal.empty()) item.parts.push_back({false, answer.text, answer.logprobs});
    if (!answer.refusal.empty()) item.parts.push_back({true, answer.refusal, {}});
  }
  for (const core::ToolCall& call : answer.tool_calls) {
    std::string id = call_id(call.id, response, items);
    OutputItem& item = add(OutputItem::Kind::kCall);
    item.call = call;
    item.call.id = std::move(id);
  }
  return items;
}

}  // namespace

std::string response_id(const std::string& id) {
  return id.starts_with(kResponsePrefix) ? id : std::string(kResponsePrefix) + id;
}

std::string item_id(const std::string& response, OutputItem::Kind kind, std::size_t index) {
  static constexpr std::array<std::string_view, 3> kPrefixes{"rs_", "msg_", "fc_"};
  const std::string_view bare = std::string_view(response).substr(kResponsePrefix.size());
  return fmt::format("{}{}_{}", kPrefixes[static_cast<std::size_t>(kind)], bare, index);
}

std::string call_id(const std::string& id, const std::string& response, const std::vector<OutputItem>& before) {
  const auto is_taken = [&](const std::string& wanted) {
    return std::any_of(before.begin(), before.end(), [&](const OutputItem& item) {
      return item.kind == OutputItem::Kind::kCall && item.call.id == wanted;
    });
  };
  if (!id.empty() && !is_taken(id)) return id;
  const std::string_view bare = std::string_view(response).substr(kResponsePrefix.size());
  std::string made;
  std::size_t number = before.size();
  do {
    made = fmt::format("call_{}_{}", bare, number++);
  } while (is_taken(made));
  return made;
}

/// The protocol has no word for a broken answer; "max_output_tokens" says that it is not whole.
ResponseEnd end_of(core::Finish finish, bool refused) noexcept {
  ResponseEnd end;
  switch (finish) {
    case core::Finish::kLength:
    case core::Finish::kError:
    case core::Finish::kCancelled: end.incomplete_reason = "max_output_tokens"; break;
    case core::Finish::kContentFilter:
      if (!refused) end.incomplete_reason = "content_filter";
      break;
    case core::Finish::kStop:
    case core::Finish::kToolCalls:
    case core::Finish::kUnknown: break;
  }
  if (!end.incomplete_reason.empty()) end.status = "incomplete";
  return end;
}

void write_logprobs(JsonWriter& writer, std::span<const core::TokenLogprob> logprobs) {
  writer.key("logprobs").begin_array();
  for (const core::TokenLogprob& logprob : logprobs) write_logprob(writer, logprob);
  writer.end_array();
}

void write_part(JsonWriter& writer, const OutputPart& part) {
  writer.begin_object();
  if (part.refusal) {
    writer.field("type", "refusal").field("refusal", part.text);
  } else {
    writer.field("type", "output_text").field("text", part.text);
    writer.key("annotations").begin_array().end_array();
    write_logprobs(writer, part.logprobs);
  }
  writer.end_object();
}

void write_summary_part(JsonWriter& writer, std::string_view text) {
  writer.begin_object().field("type", "summary_text").field("text", text).end_object();
}

void write_item(JsonWriter& writer, const OutputItem& item) {
  writer.begin_object().field("id", item.id);
  switch (item.kind) {
    case OutputItem::Kind::kReasoning:
      writer.field("type", "reasoning").key("summary").begin_array();
      if (!item.summary.empty()) write_summary_part(writer, item.summary);
      writer.end_array();
      if (!item.encrypted.empty()) writer.field("encrypted_content", item.encrypted);
      break;
    case OutputItem::Kind::kMessage:
      writer.field("type", "message").field("status", item.status).field("role", "assistant");
      writer.key("content").begin_array();
      for (const OutputPart& part : item.parts) write_part(writer, part);
      writer.end_array();
      break;
    case OutputItem::Kind::kCall:
      writer.field("type", "function_call").field("status", item.status).field("call_id", item.call.id);
      writer.field("name", item.call.name).field("arguments", item.call.arguments);
      break;
  }
  writer.end_object();
}

void write_response(JsonWriter& writer, const ResponseHead& head, const std::vector<OutputItem>& items,
                    const ResponseEnd& end) {
  writer.begin_object().field("id", head.id).field("object", "response").field("created_at", head.created_unix_s);
  writer.field("status", end.status).field("background", false);
  write_end(writer, end);
  writer.field("model", head.model).key("output").begin_array();
  for (const OutputItem& item : items) write_item(writer, item);
  writer.end_array().key("previous_response_id").null().field("store", false);
  head.echo.write(writer);
  if (!end.service_tier.empty()) writer.field("service_tier", end.service_tier);
  write_usage(writer, end.usage);
  writer.end_object();
}

std::string OpenAiResponses::encode_answer(const core::Answer& answer, std::string_view request) const {
  const ResponseEcho echo(request);
  const ResponseHead head{response_id(answer.id), answer.created_unix_s, answer.model, echo};
  ResponseEnd end = end_of(answer.finish, !answer.refusal.empty());
  end.usage = &answer.usage;
  end.service_tier = answer.service_tier;
  std::vector<OutputItem> items = items_of(answer, head.id);
  if (end.status == "incomplete" && !items.empty()) items.back().status = "incomplete";
  JsonWriter writer;
  write_response(writer, head, items, end);
  return writer.take();
}

}  // namespace thalamus::wire
