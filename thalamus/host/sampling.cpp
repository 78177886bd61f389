#include "thalamus/host/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "thalamus/base/rng.h"
#include "thalamus/host/tokens.h"

namespace thalamus::host {
namespace {

constexpr double kTemperatureDefault = 1.0;
constexpr std::int32_t kPenaltyTokens = 1024;  // of the answer so far

/// The engine takes 32 bits and reads all ones as "random": 31 bits of a mix never are.
std::uint32_t engine_seed(const Job& job) noexcept {
  const auto& wished = job.request.seed;
  const std::uint64_t seed = wished ? static_cast<std::uint64_t>(*wished) : job.seed;
  return static_cast<std::uint32_t>(base::mix64(seed) >> 33U);
}

}  // namespace

core::TokenLogprob logprob_of(llama_context* context, const llama_vocab* vocab, llama_token token,
                              std::uint32_t alternatives) {
  const float* logits = llama_get_logits_ith(context, -1);
  const auto count = static_cast<std::size_t>(llama_vocab_n_tokens(vocab));
  const float largest = *std::max_element(logits, logits + count);
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += std::exp(static_cast<double>(logits[i] - largest));
  const double normaliser = static_cast<double>(largest) + std::log(sum);
  const auto value = [&](llama_token t) { return static_cast<double>(logits[t]) - normaliser; };
  core::TokenLogprob out;
  out.token = piece_of(vocab, token);
  out.logprob = value(token);
  if (alternatives == 0) return out;
  const std::size_t wanted = std::min<std::size_t>(alternatives, count);
  std::vector<llama_token> best(wanted);
  std::vector<llama_token> all(count);
  for (std::size_t i = 0; i < count; ++i) all[i] = static_cast<llama_token>(i);
  std::partial_sort_copy(all.begin(), all.end(), best.begin(), best.end(), [&](llama_token a, llama_token b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  });
  for (const llama_token other : best) out.top.emplace_back(piece_of(vocab, other), value(other));
  return out;
}

Result<TokenSampler> TokenSampler::make(const Job& job, const Prompt& prompt, const llama_vocab* vocab) {
  TokenSampler out;
  out.vocabulary_ = static_cast<std::size_t>(llama_vocab_n_tokens(vocab));
  if (!prompt.grammar.empty()) {
    out.grammar_.reset(llama_sampler_init_grammar(vocab, prompt.grammar.c_str(), "root"));
    if (!out.grammar_)
      return fail_at("body.response_format", ErrorKind::kUnsupported,
                     "the schema cannot be made into a grammar; simplify it (repetitions above 2000 are too many)");
  }
  out.chain_.reset(llama_sampler_chain_init(llama_sampler_chain_default_params()));
  const auto add = [&](llama_sampler* sampler) { llama_sampler_chain_add(out.chain_.get(), sampler); };
  const Demands& demands = job.demands;
  if (demands.frequency_penalty != 0 || demands.presence_penalty != 0)
    add(llama_sampler_init_penalties(llama_vocab_n_tokens(vocab), kPenaltyTokens, 1.0F,
                                     static_cast<float>(demands.frequency_penalty),
                                     static_cast<float>(demands.presence_penalty)));
  const double temperature = job.request.temperature.value_or(kTemperatureDefault);
  const double top_p = job.request.top_p.value_or(1.0);
  if (temperature <= 0) {
    add(llama_sampler_init_greedy());
    return out;
  }
  add(llama_sampler_init_temp(static_cast<float>(temperature)));
  if (top_p < 1.0) add(llama_sampler_init_top_p(static_cast<float>(top_p), 1));
  add(llama_sampler_init_dist(engine_seed(job)));
  return out;
}

void TokenSampler::read_scores(llama_context* context) {
  const float* logits = llama_get_logits_ith(context, -1);
  candidates_.resize(vocabulary_);
  for (std::size_t i = 0; i < vocabulary_; ++i) candidates_[i] = {static_cast<llama_token>(i), logits[i], 0.0F};
  array_ = {candidates_.data(), candidates_.size(), -1, false};
}

std::optional<llama_token> TokenSampler::choose() {
  llama_sampler_apply(chain_.get(), &array_);
  if (array_.selected < 0 || static_cast<std::size_t>(array_.selected) >= array_.size) return std::nullopt;
  return array_.data[array_.selected].id;
}

bool TokenSampler::allows(llama_token token) {
  llama_token_data one{token, 1.0F, 0.0F};
  llama_token_data_array array{&one, 1, -1, false};
  llama_sampler_apply(grammar_.get(), &array);
  return one.logit != -std::numeric_limits<float>::infinity();
}

// Asking the grammar about one token is quick, about the whole vocabulary slow: first choose freely, then, if that
// token is not allowed, choose among those that are.
std::optional<llama_token> TokenSampler::next(llama_context* context) {
  read_scores(context);
  auto token = choose();
  if (token && grammar_ && !allows(*token)) {
    read_scores(context);
    llama_sampler_apply(grammar_.get(), &array_);
    const bool none = std::none_of(candidates_.begin(), candidates_.end(), [](const llama_token_data& candidate) {
      return candidate.logit != -std::numeric_limits<float>::infinity();
    });
    if (none) return std::nullopt;
    token = choose();
    // With scores apart by more than a float holds, a forbidden token could be drawn: the engine would abort on it.
    if (token && !allows(*token)) return std::nullopt;
  }
  if (!token) return std::nullopt;
  if (grammar_) llama_sampler_accept(grammar_.get(), *token);
  llama_sampler_accept(chain_.get(), *token);
  return token;
}

}  // namespace thalamus::host
