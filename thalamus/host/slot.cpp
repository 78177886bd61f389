#include "thalamus/host/slot.h"

#include <ggml-cpu.h>

#include <algorithm>
#include <cmath>

#include "thalamus/host/generation.h"

namespace thalamus::host {
namespace {

constexpr std::size_t kBatchTokens = 512;
constexpr std::uint32_t kSeedFallback = 0x7468616c;
constexpr float kTemperatureFallback = 1.0F;

struct SamplerDeleter {
  void operator()(llama_sampler* sampler) const { llama_sampler_free(sampler); }
};
using Sampler = std::unique_ptr<llama_sampler, SamplerDeleter>;

/// OpenAI's meaning of temperature (default 1), top_p (default 1) and seed; temperature 0 is greedy.
Result<Sampler> make_sampler(const core::Request& request, const std::string& grammar, const llama_vocab* vocab) {
  Sampler chain(llama_sampler_chain_init(llama_sampler_chain_default_params()));
  if (!grammar.empty()) {
    llama_sampler* rules = llama_sampler_init_grammar(vocab, grammar.c_str(), "root");
    if (rules == nullptr)
      return fail_at("body.response_format", ErrorKind::kUnsupported, "the schema cannot be made into a grammar");
    llama_sampler_chain_add(chain.get(), rules);
  }
  const auto temperature = static_cast<float>(request.temperature.value_or(kTemperatureFallback));
  if (temperature <= 0) {
    llama_sampler_chain_add(chain.get(), llama_sampler_init_greedy());
    return chain;
  }
  if (request.top_p && *request.top_p < 1.0)
    llama_sampler_chain_add(chain.get(), llama_sampler_init_top_p(static_cast<float>(*request.top_p), 1));
  llama_sampler_chain_add(chain.get(), llama_sampler_init_temp(temperature));
  const auto seed = request.seed ? static_cast<std::uint32_t>(*request.seed) : kSeedFallback;
  llama_sampler_chain_add(chain.get(), llama_sampler_init_dist(seed));
  return chain;
}

}  // namespace

Result<std::unique_ptr<Slot>> Slot::make(llama_model* model, const PromptMaker& prompts, std::uint32_t context_tokens,
                                         std::uint32_t threads) {
  std::unique_ptr<Slot> slot(new Slot(model, prompts));
  llama_context_params params = llama_context_default_params();
  const auto trained = static_cast<std::uint32_t>(llama_model_n_ctx_train(model));
  params.n_ctx = trained > 0 ? std::min(context_tokens, trained) : context_tokens;
  params.n_batch = kBatchTokens;
  params.n_ubatch = kBatchTokens;
  params.n_seq_max = 1;
  params.n_threads = static_cast<std::int32_t>(threads);
  params.n_threads_batch = static_cast<std::int32_t>(threads);
  slot->context_ = llama_init_from_model(model, params);
  if (slot->context_ == nullptr)
    return fail(ErrorKind::kEnvironment, "cannot make a context of {} tokens; give a smaller --context", params.n_ctx);
  // No polling: a waiting thread sleeps, so that an idle host costs nothing and two hosts share the cores.
  ggml_threadpool_params pool = ggml_threadpool_params_default(static_cast<int>(threads));
  pool.poll = 0;
  slot->pool_ = ggml_threadpool_new(&pool);
  if (slot->pool_ != nullptr) llama_attach_threadpool(slot->context_, slot->pool_, slot->pool_);
  return slot;
}

Slot::~Slot() {
  if (context_ != nullptr) llama_free(context_);
  if (pool_ != nullptr) ggml_threadpool_free(pool_);
}

std::vector<llama_token> Slot::tokenise(const std::string& text) const {
  const llama_vocab* vocab = llama_model_get_vocab(model_);
  std::vector<llama_token> tokens(text.size() + 8);
  const auto size = static_cast<std::int32_t>(text.size());
  std::int32_t count =
      llama_tokenize(vocab, text.data(), size, tokens.data(), static_cast<std::int32_t>(tokens.size()), true, true);
  if (count < 0) {
    tokens.resize(static_cast<std::size_t>(-count));
    count = llama_tokenize(vocab, text.data(), size, tokens.data(), -count, true, true);
  }
  tokens.resize(static_cast<std::size_t>(std::max(count, 0)));
  return tokens;
}

std::string Slot::piece_of(llama_token token) const {
  const llama_vocab* vocab = llama_model_get_vocab(model_);
  char buffer[256];
  const std::int32_t size = llama_token_to_piece(vocab, token, buffer, sizeof buffer, 0, false);
  if (size >= 0) return {buffer, static_cast<std::size_t>(size)};
  std::string large(static_cast<std::size_t>(-size), '\0');
  llama_token_to_piece(vocab, token, large.data(), -size, 0, false);
  return large;
}

// Computes what of the prompt is not in the context yet. The last token is always computed: its logits are needed.
Status Slot::evaluate(const std::vector<llama_token>& prompt, const std::atomic<bool>& cancelled, core::Usage& usage) {
  std::size_t common = 0;
  while (common < cached_.size() && common + 1 < prompt.size() && cached_[common] == prompt[common]) ++common;
  if (!llama_memory_seq_rm(llama_get_memory(context_), 0, static_cast<llama_pos>(common), -1)) {
    llama_memory_clear(llama_get_memory(context_), true);
    common = 0;
  }
  cached_.assign(prompt.begin(), prompt.begin() + static_cast<std::ptrdiff_t>(common));
  usage.cached_input = static_cast<std::uint32_t>(common);
  for (std::size_t at = common; at < prompt.size(); at += kBatchTokens) {
    if (cancelled) return fail(ErrorKind::kCancelled, "the client went away");
    const std::size_t count = std::min(kBatchTokens, prompt.size() - at);
    auto* first = const_cast<llama_token*>(prompt.data() + at);
    if (llama_decode(context_, llama_batch_get_one(first, static_cast<std::int32_t>(count))) != 0)
      return fail(ErrorKind::kInternal, "the engine could not compute the prompt");
    cached_.insert(cached_.end(), first, first + count);
  }
  return {};
}

core::TokenLogprob Slot::logprob_of(llama_token token, std::uint32_t alternatives) const {
  const float* logits = llama_get_logits_ith(context_, -1);
  const auto count = static_cast<std::size_t>(llama_vocab_n_tokens(llama_model_get_vocab(model_)));
  const float largest = *std::max_element(logits, logits + count);
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += std::exp(static_cast<double>(logits[i] - largest));
  const double normaliser = static_cast<double>(largest) + std::log(sum);
  core::TokenLogprob out;
  out.token = piece_of(token);
  out.logprob = static_cast<double>(logits[token]) - normaliser;
  std::vector<llama_token> order(count);
  for (std::size_t i = 0; i < count; ++i) order[i] = static_cast<llama_token>(i);
  const auto wanted = static_cast<std::ptrdiff_t>(std::min<std::size_t>(alternatives, count));
  std::partial_sort(order.begin(), order.begin() + wanted, order.end(), [&](llama_token a, llama_token b) {
    return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
  });
  for (std::ptrdiff_t i = 0; i < wanted; ++i) {
    const llama_token other = order[static_cast<std::size_t>(i)];
    out.top.emplace_back(piece_of(other), static_cast<double>(logits[other]) - normaliser);
  }
  return out;
}

Result<core::Answer> Slot::generate(const Job& job) {
  const core::Request& request = job.request;
  TRY(const Prompt prompt, prompts_.make(request));
  const std::vector<llama_token> tokens = tokenise(prompt.text);
  const std::size_t room = llama_n_ctx(context_);
  if (tokens.size() + 1 > room)
    return fail_at("body.messages", ErrorKind::kTooLarge,
                   "the prompt has {} tokens, the model's context length is {}; send less or ask a target with more context",
                   tokens.size(), room);
  const llama_vocab* vocab = llama_model_get_vocab(model_);
  TRY(const Sampler sampler, make_sampler(request, prompt.grammar, vocab));
  core::Answer answer;
  answer.usage.known = true;
  answer.usage.input = static_cast<std::uint32_t>(tokens.size());
  CHECK_OK(evaluate(tokens, *job.cancelled, answer.usage));
  const std::size_t limit = std::min<std::size_t>(request.max_output_tokens.value_or(UINT32_MAX), room - tokens.size());
  std::vector<std::string> stops = request.stop;
  stops.insert(stops.end(), prompt.stops.begin(), prompt.stops.end());
  StopHolder stop(std::move(stops));
  Utf8Holder whole;
  answer.finish = core::Finish::kLength;
  const auto show = [&](std::string text, const core::TokenLogprob* logprob) {
    answer.text += text;
    if (!text.empty() || logprob != nullptr) job.on_piece({std::move(text), logprob});
  };
  while (answer.usage.output < limit) {
    if (*job.cancelled) return fail(ErrorKind::kCancelled, "the client went away");
    llama_token token = llama_sampler_sample(sampler.get(), context_, -1);
    if (llama_vocab_is_eog(vocab, token)) {
      answer.finish = core::Finish::kStop;
      break;
    }
    ++answer.usage.output;
    const core::TokenLogprob* logprob = nullptr;
    if (request.logprobs) {
      answer.logprobs.push_back(logprob_of(token, *request.logprobs));
      logprob = &answer.logprobs.back();
    }
    show(stop.feed(whole.feed(piece_of(token))), logprob);
    if (stop.stopped()) {
      answer.finish = core::Finish::kStop;
      break;
    }
    if (answer.usage.output == limit) break;
    if (llama_decode(context_, llama_batch_get_one(&token, 1)) != 0)
      return fail(ErrorKind::kInternal, "the engine could not compute the next token");
    cached_.push_back(token);
  }
  show(stop.feed(whole.finish()) + stop.finish(), nullptr);
  if (prompt.may_call_tools) prompts_.read_tool_calls(request, answer);
  return answer;
}

}  // namespace thalamus::host
