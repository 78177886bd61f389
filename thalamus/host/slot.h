/// One llama context: generates one answer at a time and keeps the prompt's computed state for the next one.
#pragma once

#include <llama.h>

#include <memory>
#include <string>
#include <vector>

#include "thalamus/host/engine.h"
#include "thalamus/host/prompt.h"

struct ggml_threadpool;

namespace thalamus::host {

class Slot {
 public:
  /// `model` and `prompts` outlive the slot.
  [[nodiscard]] static Result<std::unique_ptr<Slot>> make(llama_model* model, const PromptMaker& prompts,
                                                          std::uint32_t context_tokens, std::uint32_t threads);
  ~Slot();
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  /// Runs a job to its end, unless it is cancelled (kCancelled within one token).
  [[nodiscard]] Result<core::Answer> generate(const Job& job);

 private:
  Slot(llama_model* model, const PromptMaker& prompts) : model_(model), prompts_(prompts) {}
  [[nodiscard]] std::vector<llama_token> tokenise(const std::string& text) const;
  [[nodiscard]] Status evaluate(const std::vector<llama_token>& prompt, const std::atomic<bool>& cancelled,
                                core::Usage& usage);
  [[nodiscard]] core::TokenLogprob logprob_of(llama_token token, std::uint32_t alternatives) const;
  [[nodiscard]] std::string piece_of(llama_token token) const;

  llama_model* model_;
  const PromptMaker& prompts_;
  llama_context* context_ = nullptr;
  ggml_threadpool* pool_ = nullptr;
  std::vector<llama_token> cached_;  ///< tokens whose state is in the context
};

}  // namespace thalamus::host
