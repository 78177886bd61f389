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
  std::string text;
  std::vector<ToolCall> tool_calls;
  std::vector<TokenLogprob> logprobs;
  Finish finish = Finish::kStop;
  Usage usage;
};

}  // namespace thalamus::core
