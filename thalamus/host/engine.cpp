#include "thalamus/host/engine.h"

#include <llama.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <fstream>
#include <mutex>
#include <system_error>
#include <thread>

#include "thalamus/base/log.h"
#include "thalamus/base/text.h"
#include "thalamus/host/slot.h"

namespace thalamus::host {
namespace {

constexpr std::size_t kReasonBytesMax = 300;

/// The engine's own messages: reasons for the errors made here. They are no log lines of ours, since an interrupted
/// computation is an error to the engine too.
class EngineLog {
 public:
  EngineLog() { llama_log_set(&EngineLog::take, this); }
  ~EngineLog() {
    llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  }
  EngineLog(const EngineLog&) = delete;
  EngineLog& operator=(const EngineLog&) = delete;

  /// The first error since the last call: the later ones only say that something failed.
  [[nodiscard]] std::string take_reason() {
    const std::lock_guard lock(mutex_);
    std::string reason = std::move(first_);
    first_.clear();
    return reason.empty() ? "the engine gives no reason" : reason;
  }

 private:
  static void take(ggml_log_level level, const char* text, void* self) {
    if (level != GGML_LOG_LEVEL_ERROR) return;
    auto& log = *static_cast<EngineLog*>(self);
    const std::lock_guard lock(log.mutex_);
    if (log.first_.empty()) log.first_ = base::trim(std::string_view(text).substr(0, kReasonBytesMax));
  }

  std::mutex mutex_;
  std::string first_;
};

struct ModelDeleter {
  void operator()(llama_model* model) const { llama_model_free(model); }
};

class LocalEngine final : public Engine {
 public:
  explicit LocalEngine(const EngineOptions& options) : options_(options) {}

  ~LocalEngine() override {
    LocalEngine::interrupt();
    for (auto& worker : workers_) worker.join();
  }

  Status start(const std::atomic<bool>& give_up) {
    CHECK_OK(check_file(options_.model));
    llama_backend_init();
    CHECK_OK(load_model(give_up));
    auto prompts = PromptMaker::make(model_.get());
    if (!prompts) return fail_at(options_.model.string(), prompts.error().kind, "{}", prompts.error().message);
    prompts_ = std::move(*prompts);
    const std::uint32_t slots = std::max(1U, options_.slots);
    // The engine's threads spin while they wait for each other: with a core too few, each step costs a scheduler's
    // turn.
    const std::uint32_t cores = std::max(2U, std::thread::hardware_concurrency()) - 1;
    SlotOptions slot_options;
    slot_options.context_tokens = options_.context_tokens;
    slot_options.threads = options_.threads > 0 ? options_.threads : std::max(1U, cores / slots);
    for (std::uint32_t i = 0; i < slots; ++i) {
      if (give_up) return fail(ErrorKind::kCancelled, "the server is stopping");
      auto slot = Slot::make(model_.get(), *prompts_, stopping_, slot_options);
      if (!slot)
        return fail_at(options_.model.string(), slot.error().kind, "{} ({})", slot.error().message, log_.take_reason());
      slots_.push_back(std::move(*slot));
    }
    for (auto& slot : slots_) workers_.emplace_back([this, raw = slot.get()] { work(*raw); });
    return {};
  }

  Status submit(Job job) override {
    CHECK_OK(check_supported(job.request, job.demands));
    std::deque<Job> given_up;
    bool full = false;
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return fail(ErrorKind::kUnavailable, "the server is stopping; try again in a moment");
      // Nobody waits for these any more; they must not keep others out.
      std::deque<Job> waiting;
      for (Job& other : queue_) (*other.cancelled ? given_up : waiting).push_back(std::move(other));
      queue_ = std::move(waiting);
      full = queue_.size() >= options_.queue_length_max;
      if (!full) queue_.push_back(std::move(job));
    }
    end_all(given_up, ErrorKind::kCancelled, "the client went away");
    if (full)
      return fail(ErrorKind::kUnavailable, "the queue of {} waiting requests is full; try again in a moment",
                  options_.queue_length_max);
    wake_.notify_one();
    return {};
  }

  void interrupt() override {
    std::deque<Job> waiting;
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
      waiting.swap(queue_);
    }
    wake_.notify_all();
    end_all(waiting, ErrorKind::kUnavailable, "the server is stopping; try again in a moment");
  }

 private:
  Status load_model(const std::atomic<bool>& give_up) {
    llama_model_params params = llama_model_default_params();
    params.n_gpu_layers = 0;
    params.progress_callback = [](float, void* flag) { return !static_cast<const std::atomic<bool>*>(flag)->load(); };
    params.progress_callback_user_data = const_cast<std::atomic<bool>*>(&give_up);
    model_.reset(llama_model_load_from_file(options_.model.c_str(), params));
    if (give_up) return fail(ErrorKind::kCancelled, "the server is stopping");
    const std::string path = options_.model.string();
    if (!model_)
      return fail_at(path, ErrorKind::kCorrupt,
                     "cannot be loaded as a model: {}; fetch the file again, or name another", log_.take_reason());
    if (llama_vocab_type(llama_model_get_vocab(model_.get())) == LLAMA_VOCAB_TYPE_NONE)
      return fail_at(path, ErrorKind::kUnsupported, "has no vocabulary, so it cannot read text; name another file");
    if (llama_model_has_encoder(model_.get()) || !llama_model_has_decoder(model_.get()))
      return fail_at(path, ErrorKind::kUnsupported, "is no model that continues text; name a chat model");
    return {};
  }

  void work(Slot& slot) {
    for (;;) {
      Job job;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        if (stopping_) return;
        job = std::move(queue_.front());
        queue_.pop_front();
      }
      auto answer = *job.cancelled ? Result<core::Answer>(fail(ErrorKind::kCancelled, "the client went away"))
                                   : slot.generate(job);
      const std::string reason = log_.take_reason();
      if (!answer && answer.error().kind == ErrorKind::kInternal)
        base::log_error("{}: {}", answer.error().message, reason);
      job.on_end(std::move(answer));
    }
  }

  static void end_all(std::deque<Job>& jobs, ErrorKind kind, std::string_view why) {
    for (Job& job : jobs) job.on_end(fail(kind, "{}", why));
    jobs.clear();
  }

  // In the order of their making: each is used by what follows.
  EngineOptions options_;
  EngineLog log_;
  std::unique_ptr<llama_model, ModelDeleter> model_;
  std::unique_ptr<PromptMaker> prompts_;
  std::atomic<bool> stopping_ = false;
  std::vector<std::unique_ptr<Slot>> slots_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> queue_;
  std::vector<std::thread> workers_;
};

}  // namespace

Status Engine::check_file(const std::filesystem::path& model) {
  const std::string path = model.string();
  std::error_code error;
  const auto status = std::filesystem::status(model, error);
  if (status.type() == std::filesystem::file_type::not_found)
    return fail_at(
        path, ErrorKind::kNotFound,
        "there is no such model file; fetch the default ones with `tools/setup.sh --models`, or name another");
  if (error) return fail_at(path, ErrorKind::kEnvironment, "the model file cannot be read: {}", error.message());
  if (status.type() == std::filesystem::file_type::directory)
    return fail_at(path, ErrorKind::kInvalidInput, "is a folder; name a GGUF file in it");
  errno = 0;
  std::ifstream file(model, std::ios::binary);
  if (!file) return fail_at(path, ErrorKind::kEnvironment, "the model file cannot be read: {}", std::strerror(errno));
  std::array<char, 4> magic{};
  if (!file.read(magic.data(), magic.size()) || std::string_view(magic.data(), magic.size()) != "GGUF")
    return fail_at(path, ErrorKind::kCorrupt, "is not a GGUF file; fetch it again, or name another");
  return {};
}

Result<std::unique_ptr<Engine>> Engine::load(const EngineOptions& options, const std::atomic<bool>& give_up) {
  try {
    auto engine = std::make_unique<LocalEngine>(options);
    CHECK_OK(engine->start(give_up));
    return std::unique_ptr<Engine>(std::move(engine));
  } catch (const std::exception& error) {
    return fail_at(options.model.string(), ErrorKind::kEnvironment, "the engine could not start: {}", error.what());
  }
}

}  // namespace thalamus::host
