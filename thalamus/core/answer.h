/// A model's or a tool's answer, free of any provider's protocol.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "thalamus/core/outcome.h"
#include "thalamus/core/request.h"

namespace thalamus::core {

/// Log-probability of one generated token, with alternatives where they were asked for.
struct TokenLogprob {
  std::string token;
  double logprob = 0;
  std::vector<std::pair<std::string, double>> top;
};

struct Answer {
  std::string id;
  std::int64_t created_unix_s = 0;
  std::string model;
  std::string service_tier;     ///< that served it, in OpenAI's words ("default", "priority"); empty: not said
  std::vector<Part> reasoning;  ///< of kind kReasoning, in the order given
  std::string text;
  std::string refusal;
  std::vector<ToolCall> tool_calls;
  std::vector<TokenLogprob> logprobs;
  Finish finish = Finish::kStop;
  std::string stop_sequence;  ///< the one that ended the answer, where the provider says so
  Usage usage;
};

/// A piece of an answer as it streams.
enum class DeltaKind : std::uint8_t {
  kText,
  kReasoning,           ///< text of a thought
  kReasoningSignature,  ///< ends a thought: its proof, in `text`
  kReasoningEncrypted,  ///< a whole thought that only its provider can read, in `text`
  kRefusal,
  kToolCall,   ///< a call begins: `index`, `id`, `name`
  kArguments,  ///< a piece of the JSON text of the arguments of call `index`
};

struct Delta {
  DeltaKind kind = DeltaKind::kText;
  std::uint32_t index = 0;  ///< of a tool call, counted from 0 as they begin; pieces of several may interleave
  std::string text;
  std::string id;
  std::string name;
  std::optional<TokenLogprob> logprob;
};

}  // namespace thalamus::core
