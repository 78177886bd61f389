/// Chat request -> the model's own prompt text, by the chat template in its file; the grammar of a JSON answer; and the
/// way back from the model's text to tool calls.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/core/answer.h"
#include "thalamus/core/request.h"
#include "thalamus/host/demands.h"

struct llama_model;

namespace thalamus::host {

/// Finds tool calls in the text of one model.
class AnswerReader {
 public:
  struct Reading {
    std::string text;  ///< without the calls
    std::vector<core::ToolCall> calls;
  };
  enum class Ending : std::uint8_t { kOpen, kFinal };

  virtual ~AnswerReader() = default;
  /// Nothing where the text does not parse. Of an open text the calls may be incomplete.
  [[nodiscard]] virtual std::optional<Reading> read(const std::string& text, Ending ending) const = 0;
};

struct Prompt {
  std::string text;
  std::string grammar;                         ///< GBNF; empty: free text
  std::vector<std::string> stops;              ///< of the template, beside the request's own
  std::unique_ptr<const AnswerReader> reader;  ///< null: the text is the answer
};

/// Thread-safe once made. No exception leaves.
class PromptMaker {
 public:
  /// kUnsupported where the model's chat template cannot be used.
  [[nodiscard]] static Result<std::unique_ptr<PromptMaker>> make(const llama_model* model);
  ~PromptMaker();
  /// kInvalidInput where the template refuses the messages or the schema cannot become a grammar; `where` tells which.
  [[nodiscard]] Result<Prompt> make_prompt(const core::Request& request, const Demands& demands) const;

 private:
  struct Impl;
  explicit PromptMaker(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace thalamus::host
