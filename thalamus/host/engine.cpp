#include "thalamus/host/engine.h"

#include <llama.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>

#include "thalamus/base/log.h"
#include "thalamus/host/slot.h"

namespace thalamus::host {
namespace {

void keep_errors_only(ggml_log_level level, const char* text, void*) {
  if (level == GGML_LOG_LEVEL_ERROR) base::log_error("engine: {}", std::string_view(text).substr(0, 400));
}

struct ModelDeleter {
  void operator()(llama_model* model) const { llama_model_free(model); }
};

Status check_supported(const core::Request& request) {
  for (std::size_t m = 0; m < request.messages.size(); ++m) {
    for (std::size_t p = 0; p < request.messages[m].parts.size(); ++p) {
      const auto kind = request.messages[m].parts[p].kind;
      if (kind != core::PartKind::kText && kind != core::PartKind::kRefusal)
        return fail_at(fmt::format("body.messages[{}].content[{}]", m, p), ErrorKind::kUnsupported,
                       "this model reads text only; send the content as text");
    }
  }
  return {};
}

class LocalEngine final : public Engine {
 public:
  explicit LocalEngine(const EngineOptions& options) : options_(options) {}

  ~LocalEngine() override {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_all();
    for (auto& worker : workers_) worker.join();
    slots_.clear();
    prompts_.reset();
    model_.reset();
  }

  Status start() {
    std::error_code error;
    if (!std::filesystem::exists(options_.model, error))
      return fail_at(options_.model.string(), ErrorKind::kNotFound,
                     "there is no such model file; fetch it with `tools/setup.sh --models`, or name another");
    llama_log_set(keep_errors_only, nullptr);
    llama_backend_init();
    llama_model_params params = llama_model_default_params();
    params.n_gpu_layers = 0;
    model_.reset(llama_model_load_from_file(options_.model.c_str(), params));
    if (!model_)
      return fail_at(options_.model.string(), ErrorKind::kCorrupt,
                     "cannot be loaded as a GGUF model; fetch it again, or name another");
    prompts_ = std::make_unique<PromptMaker>(model_.get());
    const std::uint32_t slots = std::max(1U, options_.slots);
    const std::uint32_t cores = std::max(1U, std::thread::hardware_concurrency());
    const std::uint32_t threads = options_.threads > 0 ? options_.threads : std::max(1U, cores / slots);
    for (std::uint32_t i = 0; i < slots; ++i) {
      TRY(auto slot, Slot::make(model_.get(), *prompts_, options_.context_tokens, threads));
      slots_.push_back(std::move(slot));
    }
    for (auto& slot : slots_) workers_.emplace_back([this, raw = slot.get()] { work(*raw); });
    return {};
  }

  Status submit(Job job) override {
    CHECK_OK(check_supported(job.request));
    {
      const std::lock_guard lock(mutex_);
      if (queue_.size() >= options_.queue_length_max)
        return fail(ErrorKind::kUnavailable, "the queue of {} requests is full; try again later", options_.queue_length_max);
      queue_.push_back(std::move(job));
    }
    wake_.notify_one();
    return {};
  }

  std::size_t queue_length() const override {
    const std::lock_guard lock(mutex_);
    return queue_.size();
  }

 private:
  void work(Slot& slot) {
    for (;;) {
      Job job;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        if (stopping_) {
          cancel_waiting(lock);
          return;
        }
        job = std::move(queue_.front());
        queue_.pop_front();
      }
      if (*job.cancelled) {
        job.on_end(fail(ErrorKind::kCancelled, "the client went away"));
      } else {
        job.on_end(slot.generate(job));
      }
    }
  }

  void cancel_waiting(std::unique_lock<std::mutex>& lock) {
    std::deque<Job> waiting = std::move(queue_);
    queue_.clear();
    lock.unlock();
    for (Job& job : waiting) job.on_end(fail(ErrorKind::kUnavailable, "the server is stopping"));
  }

  EngineOptions options_;
  std::unique_ptr<llama_model, ModelDeleter> model_;
  std::unique_ptr<PromptMaker> prompts_;
  std::vector<std::unique_ptr<Slot>> slots_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> queue_;
  bool stopping_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace

Result<std::unique_ptr<Engine>> Engine::load(const EngineOptions& options) {
  auto engine = std::make_unique<LocalEngine>(options);
  CHECK_OK(engine->start());
  return std::unique_ptr<Engine>(std::move(engine));
}

}  // namespace thalamus::host
