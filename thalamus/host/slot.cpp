#include "thalamus/host/slot.h"

#include <ggml-cpu.h>

#include <algorithm>

#include "thalamus/host/answer_text.h"
#include "thalamus/host/sampling.h"
#include "thalamus/host/tokens.h"

namespace thalamus::host {
namespace {

constexpr std::size_t kBatchTokens = 512;

}  // namespace

Result<std::unique_ptr<Slot>> Slot::make(llama_model* model, const PromptMaker& prompts,
                                         const std::atomic<bool>& stopping, const SlotOptions& options) {
  std::unique_ptr<Slot> slot(new Slot(model, prompts, stopping));
  llama_context_params params = llama_context_default_params();
  const auto trained = static_cast<std::uint32_t>(std::max(0, llama_model_n_ctx_train(model)));
  params.n_ctx = trained > 0 ? std::min(options.context_tokens, trained) : options.context_tokens;
  params.n_batch = kBatchTokens;
  params.n_ubatch = kBatchTokens;
  params.n_seq_max = 1;
  params.n_threads = static_cast<std::int32_t>(options.threads);
  params.n_threads_batch = static_cast<std::int32_t>(options.threads);
  // Between two operations of a computation, a prompt's batch being seconds long on a small machine.
  params.abort_callback = [](void* self) { return !static_cast<const Slot*>(self)->wanted(); };
  params.abort_callback_data = slot.get();
  slot->context_ = llama_init_from_model(model, params);
  if (slot->context_ == nullptr)
    return fail(ErrorKind::kEnvironment,
                "cannot make a context of {} tokens, most likely for want of memory; "
                "give a smaller --context or fewer --slots",
                params.n_ctx);
  // No polling: a waiting thread sleeps, so that an idle host costs nothing and two hosts share the cores.
  ggml_threadpool_params pool = ggml_threadpool_params_default(static_cast<int>(options.threads));
  pool.poll = 0;
  slot->pool_ = ggml_threadpool_new(&pool);
  if (slot->pool_ != nullptr) llama_attach_threadpool(slot->context_, slot->pool_, slot->pool_);
  return slot;
}

Slot::~Slot() {
  if (context_ != nullptr) llama_free(context_);
  if (pool_ != nullptr) ggml_threadpool_free(pool_);
}

bool Slot::wanted() const noexcept {
  if (stopping_.load(std::memory_order_relaxed)) return false;
  return cancelled_ == nullptr || !cancelled_->load(std::memory_order_relaxed);
}

Status Slot::check_wanted() const {
  if (stopping_) return fail(ErrorKind::kUnavailable, "the server is stopping; try again in a moment");
  if (cancelled_ != nullptr && *cancelled_) return fail(ErrorKind::kCancelled, "the client went away");
  return {};
}

void Slot::forget() {
  llama_memory_clear(llama_get_memory(context_), true);
  cached_.clear();
}

// An interrupted or failed computation has removed what it began: memory and `cached_` agree.
Status Slot::compute(const llama_token* tokens, std::size_t count) {
  const auto batch = llama_batch_get_one(const_cast<llama_token*>(tokens), static_cast<std::int32_t>(count));
  const std::int32_t code = llama_decode(context_, batch);
  if (code == 0) {
    cached_.insert(cached_.end(), tokens, tokens + count);
    return {};
  }
  CHECK_OK(check_wanted());
  return fail(ErrorKind::kInternal, "the engine could not compute {} tokens after {} (code {})", count, cached_.size(),
              code);
}

// Computes what of the prompt is not in the context yet. The last token is always computed: its scores are needed.
Status Slot::evaluate(const std::vector<llama_token>& prompt, core::Usage& usage) {
  const std::size_t reusable = std::min(cached_.size(), prompt.size() - 1);
  std::size_t common = 0;
  while (common < reusable && cached_[common] == prompt[common]) ++common;
  if (llama_memory_seq_rm(llama_get_memory(context_), 0, static_cast<llama_pos>(common), -1)) {
    cached_.resize(common);
  } else {
    forget();
  }
  usage.cached_input = static_cast<std::uint32_t>(cached_.size());
  while (cached_.size() < prompt.size()) {
    CHECK_OK(check_wanted());
    const std::size_t at = cached_.size();
    CHECK_OK(compute(prompt.data() + at, std::min(kBatchTokens, prompt.size() - at)));
  }
  return {};
}

Result<core::Answer> Slot::generate(const Job& job) {
  cancelled_ = job.cancelled.get();
  const auto end = [this](Result<core::Answer> answer) {
    cancelled_ = nullptr;
    if (!answer && answer.error().kind == ErrorKind::kInternal) forget();
    return answer;
  };
  try {
    return end(run(job));
  } catch (const std::exception& error) {
    return end(fail(ErrorKind::kInternal, "the engine gave up: {}", error.what()));
  }
}

Result<core::Answer> Slot::run(const Job& job) {
  const core::Request& request = job.request;
  const llama_vocab* vocab = llama_model_get_vocab(model_);
  TRY(const Prompt prompt, prompts_.make_prompt(request, job.demands));
  // Control tokens of the template are written as text; what users write is read the same way, as every server of these
  // templates does.
  const std::vector<llama_token> tokens = tokenise(vocab, prompt.text);
  if (tokens.empty())
    return fail_at("body.messages", ErrorKind::kInvalidInput, "give no token to the model; send some text");
  const std::size_t room = llama_n_ctx(context_);
  // Unsupported, not too large: to clients a prompt past the context is a 400 with code context_length_exceeded.
  if (tokens.size() >= room)
    return fail_at(
        "body.messages", ErrorKind::kUnsupported,
        "{} tokens with the template, this model's context length is {}; send less, or ask a model with more",
        tokens.size(), room);
  TRY(TokenSampler sampler, TokenSampler::make(job, prompt, vocab));
  core::Answer answer;
  answer.usage.known = true;
  answer.usage.input = static_cast<std::uint32_t>(tokens.size());
  answer.finish = core::Finish::kLength;
  CHECK_OK(evaluate(tokens, answer.usage));
  const std::size_t limit = std::min<std::size_t>(request.max_output_tokens.value_or(UINT32_MAX), room - tokens.size());
  AnswerText text(job, prompt);
  while (answer.usage.output < limit && !text.stopped()) {
    CHECK_OK(check_wanted());
    const auto token = sampler.next(context_);
    if (!token) break;
    if (llama_vocab_is_eog(vocab, *token)) {
      answer.finish = core::Finish::kStop;
      break;
    }
    ++answer.usage.output;
    const core::TokenLogprob* logprob = nullptr;
    if (request.logprobs)
      logprob = &answer.logprobs.emplace_back(logprob_of(context_, vocab, *token, *request.logprobs));
    text.add(piece_of(vocab, *token), logprob);
    if (answer.usage.output < limit && !text.stopped()) CHECK_OK(compute(&*token, 1));
  }
  text.finish(answer);
  return answer;
}

}  // namespace thalamus::host
