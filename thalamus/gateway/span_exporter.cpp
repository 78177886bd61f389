#include "thalamus/gateway/span_exporter.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "thalamus/base/log.h"
#include "thalamus/net/asio.h"
#include "thalamus/net/connector.h"
#include "thalamus/net/http_client.h"

namespace thalamus::gateway {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kWaitingMax = 8192;
constexpr std::size_t kBatchMax = 512;
constexpr std::chrono::milliseconds kBatchEvery{1000};
constexpr Nanoseconds kSendTimeout = Nanoseconds::from_ms(2'000);
constexpr std::size_t kAnswerMax = 64U << 10;

}  // namespace

class SpanExporter::Impl {
 public:
  Impl(SpanOptions options, net::Endpoint endpoint, const base::Clock& clock)
      : options_(std::move(options)),
        endpoint_(std::move(endpoint)),
        clock_(clock),
        connector_(context_),
        client_(connector_, clock),
        thread_([this] { run(); }) {}

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }

  void add(TurnSummary turn) {
    bool enough = false;
    {
      const std::lock_guard lock(mutex_);
      if (waiting_.size() >= kWaitingMax) {
        dropped_.fetch_add(1, std::memory_order_relaxed);
        return;
      }
      waiting_.push_back(std::move(turn));
      enough = waiting_.size() == kBatchMax;
    }
    if (enough) wake_.notify_one();
  }

  [[nodiscard]] const SpanOptions& options() const noexcept { return options_; }
  [[nodiscard]] SpanCounts counts() const noexcept {
    return {sent_.load(std::memory_order_relaxed), dropped_.load(std::memory_order_relaxed)};
  }

 private:
  void run() {
    for (bool last = false; !last;) {
      std::vector<TurnSummary> batch;
      {
        std::unique_lock lock(mutex_);
        wake_.wait_for(lock, kBatchEvery, [this] { return stopping_ || waiting_.size() >= kBatchMax; });
        batch.swap(waiting_);
        last = stopping_;
      }
      for (std::size_t at = 0; at < batch.size(); at += kBatchMax)
        send(std::span(batch).subspan(at, std::min(kBatchMax, batch.size() - at)));
    }
    client_.clear();
    context_.restart();
    context_.poll();
  }

  void send(std::span<const TurnSummary> turns) {
    body_ = encode_spans(turns, options_.names);
    told_ = fail(ErrorKind::kTimeout, "the collector did not answer in time");
    asio::co_spawn(context_, post(), asio::detached);
    context_.restart();
    context_.run_for(std::chrono::nanoseconds(2 * kSendTimeout.value));
    if (told_) {
      sent_.fetch_add(turns.size(), std::memory_order_relaxed);
      said_.clear();
      return;
    }
    dropped_.fetch_add(turns.size(), std::memory_order_relaxed);
    // Once for each reason: a collector that is away for an hour is one line.
    if (told_.error().message != said_) base::log_warning("spans cannot be sent: {}", told_.error().text());
    said_ = told_.error().message;
  }

  asio::awaitable<void> post() {
    net::HttpCall call;
    call.headers.add("content-type", "application/json");
    call.body = body_;
    net::CallLimits limits;
    limits.connect_timeout = kSendTimeout;
    limits.first_byte_timeout = kSendTimeout;
    limits.deadline = clock_.now() + kSendTimeout;
    auto exchange = co_await client_.send(endpoint_, call, limits, nullptr);
    if (!exchange) {
      told_ = std::unexpected(std::move(exchange).error());
      co_return;
    }
    const int status = (*exchange)->status();
    auto rest = co_await (*exchange)->read_all(kAnswerMax);
    static_cast<void>(rest);
    if (status >= 200 && status < 300) {
      told_ = {};
    } else {
      told_ = fail(ErrorKind::kUpstream, "the collector answered {}", status);
    }
  }

  SpanOptions options_;
  net::Endpoint endpoint_;
  const base::Clock& clock_;
  asio::io_context context_{1};
  net::TcpConnector connector_;
  net::HttpClient client_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<TurnSummary> waiting_;  ///< guarded by mutex_
  bool stopping_ = false;             ///< guarded by mutex_
  std::string body_;
  Status told_;       ///< of the latest batch
  std::string said_;  ///< the failure that the log has
  std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::thread thread_;  ///< last: it uses everything above
};

SpanExporter::SpanExporter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SpanExporter::~SpanExporter() = default;

Result<std::unique_ptr<SpanExporter>> SpanExporter::start(const SpanOptions& options, const base::Clock& clock) {
  TRY(auto endpoint, net::parse_base_url(options.url));
  if (endpoint.base_path.empty()) endpoint.base_path = "/v1/traces";
  return std::unique_ptr<SpanExporter>(new SpanExporter(std::make_unique<Impl>(options, std::move(endpoint), clock)));
}

void SpanExporter::add(TurnSummary turn) { impl_->add(std::move(turn)); }
const SpanOptions& SpanExporter::options() const noexcept { return impl_->options(); }
SpanCounts SpanExporter::counts() const noexcept { return impl_->counts(); }

}  // namespace thalamus::gateway
