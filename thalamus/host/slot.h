/// One llama context: generates one answer at a time and keeps the prompt's computed state for the next one.
#pragma once

#include <llama.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "thalamus/host/engine.h"
#include "thalamus/host/prompt.h"

struct ggml_threadpool;

namespace thalamus::host {

struct SlotOptions {
  std::uint32_t context_tokens = 0;
  std::uint32_t threads = 1;
};

class Slot {
 public:
  /// `model`, `prompts` and `stopping` outlive the slot. kEnvironment where the memory for the context is not there.
  [[nodiscard]] static Result<std::unique_ptr<Slot>> make(llama_model* model, const PromptMaker& prompts,
                                                          const std::atomic<bool>& stopping,
                                                          const SlotOptions& options);
  ~Slot();
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  /// Runs a job to its end. Cancelled or stopping, it ends within a fraction of one computation: kCancelled or
  /// kUnavailable. The slot is ready for the next job whatever happened.
  [[nodiscard]] Result<core::Answer> generate(const Job& job);

 private:
  Slot(llama_model* model, const PromptMaker& prompts, const std::atomic<bool>& stopping)
      : model_(model), prompts_(prompts), stopping_(stopping) {}
  [[nodiscard]] Result<core::Answer> run(const Job& job);
  [[nodiscard]] Status evaluate(const std::vector<llama_token>& prompt, core::Usage& usage);
  [[nodiscard]] Status compute(const llama_token* tokens, std::size_t count);
  [[nodiscard]] Status check_wanted() const;
  [[nodiscard]] bool wanted() const noexcept;
  void forget();

  llama_model* model_;
  const PromptMaker& prompts_;
  const std::atomic<bool>& stopping_;
  const std::atomic<bool>* cancelled_ = nullptr;  ///< of the job under way
  llama_context* context_ = nullptr;
  ggml_threadpool* pool_ = nullptr;
  std::vector<llama_token> cached_;  ///< tokens whose state is in the context
};

}  // namespace thalamus::host
