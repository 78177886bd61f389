/// From a model's scores to the next token: OpenAI's meaning of temperature, top_p, penalties and seed, under a
/// grammar.
#pragma once

#include <llama.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/core/answer.h"
#include "thalamus/host/engine.h"
#include "thalamus/host/prompt.h"

namespace thalamus::host {

/// Log-probability of `token` under the scores of the last computed position, and the most likely `alternatives`.
/// They are the model's own: before temperature, penalties and grammar.
[[nodiscard]] core::TokenLogprob logprob_of(llama_context* context, const llama_vocab* vocab, llama_token token,
                                            std::uint32_t alternatives);

/// The choices of one answer.
class TokenSampler {
 public:
  /// kUnsupported at "body.response_format" where the engine refuses the prompt's grammar.
  [[nodiscard]] static Result<TokenSampler> make(const Job& job, const Prompt& prompt, const llama_vocab* vocab);
  /// Chooses from the scores of the last computed position; nothing where the grammar allows no token at all.
  [[nodiscard]] std::optional<llama_token> next(llama_context* context);

 private:
  struct Free {
    void operator()(llama_sampler* sampler) const { llama_sampler_free(sampler); }
  };
  using Sampler = std::unique_ptr<llama_sampler, Free>;

  TokenSampler() = default;
  void read_scores(llama_context* context);
  [[nodiscard]] std::optional<llama_token> choose();
  [[nodiscard]] bool allows(llama_token token);

  Sampler grammar_;  ///< null: free text
  Sampler chain_;
  std::vector<llama_token_data> candidates_;
  llama_token_data_array array_{};
  std::size_t vocabulary_ = 0;
};

}  // namespace thalamus::host
