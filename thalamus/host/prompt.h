/// Chat request -> the model's own prompt text, by the chat template in its file; and the grammar of a JSON answer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/core/answer.h"
#include "thalamus/core/request.h"

struct llama_model;

namespace thalamus::host {

struct Prompt {
  std::string text;
  std::string grammar;              ///< GBNF; empty: free text
  std::vector<std::string> stops;   ///< of the template, beside the request's own
  bool may_call_tools = false;
};

class PromptMaker {
 public:
  explicit PromptMaker(const llama_model* model);
  ~PromptMaker();
  /// kInvalidInput where the template refuses the messages or the schema cannot become a grammar.
  [[nodiscard]] Result<Prompt> make(const core::Request& request) const;
  /// Finds tool calls in a finished text and moves them to `answer.tool_calls`.
  void read_tool_calls(const core::Request& request, core::Answer& answer) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace thalamus::host
