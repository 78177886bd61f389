#include "thalamus/gateway/gateway.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <utility>

#include "thalamus/base/file.h"
#include "thalamus/base/log.h"
#include "thalamus/gateway/plain_request.h"
#include "thalamus/gateway/response_store.h"
#include "thalamus/gateway/running_config.h"
#include "thalamus/gateway/tls_files.h"
#include "thalamus/net/asio.h"
#include "thalamus/net/connector.h"

namespace thalamus::gateway {
namespace {

namespace asio = boost::asio;

constexpr Nanoseconds kTellPatience = Nanoseconds::from_ms(500);
constexpr Nanoseconds kAbortPatience = Nanoseconds::from_ms(2'000);
constexpr std::chrono::milliseconds kRecordsPoll{200};
constexpr std::chrono::milliseconds kSweepPoll{500};

net::ServerLimits server_limits(const GatewayLimits& limits) {
  net::ServerLimits out;
  out.head_bytes_max = limits.head_bytes_max;
  out.headers_max = limits.headers_max;
  out.body_bytes_max = limits.body_bytes_max;
  out.connections_max = limits.connections_max;
  out.connections_per_address_max = limits.connections_per_address_max;
  out.streams_max = limits.streams_max;
  out.head_timeout = limits.head_timeout;
  out.idle_timeout = limits.idle_timeout;
  out.body_timeout = limits.body_timeout;
  out.write_timeout = limits.write_timeout;
  return out;
}

std::uint64_t system_seed() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | device();
}

/// One listener on one core: its acceptor, its gate and the coroutine that accepts.
struct Port {
  std::optional<asio::ip::tcp::acceptor> acceptor;
  net::Handler handler;
  net::ErrorBody error_body;
  net::Gate gate;
};

/// One io_context and its thread.
struct Core {
  Core(std::size_t index, Shared& shared, std::uint64_t seed)
      : connector(context), state(index, shared, connector, seed), guard(asio::make_work_guard(context)) {}
  asio::io_context context{1};
  net::TcpConnector connector;
  CoreState state;
  Port main;
  Port admin;
  asio::executor_work_guard<asio::io_context::executor_type> guard;
  std::thread thread;
};

}  // namespace

class Gateway::Impl final : public Facts {
 public:
  Impl() : telemetry_(metrics_), shared_{clock_, telemetry_, nullptr} {}
  ~Impl() override { stop(); }

  Status start(Config config, const StartOptions& options) {
    folder_ = options.state_folder;
    if (folder_.empty()) {
      TRY(folder_, base::state_folder());
    }
    std::error_code error;
    std::filesystem::create_directories(folder_, error);
    if (error) return fail_at(folder_.string(), ErrorKind::kEnvironment, "cannot create folder: {}", error.message());
    TRY(auto listener, net::Listener::bind(config.listen.host, config.listen.port));
    TRY(auto admin, net::Listener::bind(config.admin.host, config.admin.port));
    if (config.tls) {
      tls_contents_ = read_tls_contents(*config.tls);
      TRY(identity_, net::TlsIdentity::load(tls_files(*config.tls)));
    }
    CHECK_OK(open_records(config.trace));
    CHECK_OK(open_spans(config));
    if (config.response_store.entries_max > 0) {
      responses_ = std::make_unique<ResponseStore>(config.response_store, clock_, metrics_);
      shared_.responses = responses_.get();
    }
    sockets_ = folder_ / fmt::format("run-{}", listener.port());
    std::filesystem::create_directories(sockets_, error);
    if (error) return fail_at(sockets_.string(), ErrorKind::kEnvironment, "cannot create folder: {}", error.message());
    TRY(runtime_, Runtime::make(std::move(config), 1, sockets_));
    for (const auto& warning : runtime_->warnings()) base::log_warning("{}", warning);
    started_ = runtime_->config().limits;
    limits_ = server_limits(started_);
    make_supervisor();
    // A reload that is asked for at once waits until the children are there.
    const std::lock_guard one_at_a_time(reload_mutex_);
    CHECK_OK(start_cores(listener, admin, options.seed == 0 ? system_seed() : options.seed));
    host_ = listener.address();
    admin_host_ = admin.address();
    port_ = listener.port();
    admin_port_ = admin.port();
    supervisor_->supervise(runtime_->children(), {});
    return {};
  }

  void stop() {
    if (stopped_) return;
    stopped_ = true;
    stopping_ = true;
    reload_pool_.join();
    {
      const std::lock_guard the_last_reload_has_ended(reload_mutex_);
    }
    for (auto& core : cores_) close_ports(*core);
    wait_for_turns();
    for (auto& core : cores_) {
      core->guard.reset();
      core->context.stop();
    }
    for (auto& core : cores_)
      if (core->thread.joinable()) core->thread.join();
    if (supervisor_) supervisor_->stop();
    flush_records();
    cores_.clear();
    records_.reset();
    spans_.reset();
  }

  [[nodiscard]] std::shared_ptr<const Runtime> runtime() const override {
    const std::lock_guard lock(runtime_mutex_);
    return runtime_;
  }
  net::Awaitable<Result<ReloadReport>> reload() override {
    auto report = co_await asio::co_spawn(reload_pool_, reload_there(), asio::use_awaitable);
    co_return report;
  }

  Result<ReloadReport> reload_now() {
    const std::lock_guard one_at_a_time(reload_mutex_);
    const auto running = runtime();
    if (stopping_) return fail(ErrorKind::kUnavailable, "the gateway is stopping");
    auto config = load_config(running->config().path);
    if (!config) return std::unexpected(refused(config.error()));
    ReloadReport report;
    for (const Warning& warning : config->warnings) report.warnings.push_back(warning.text());
    if (const Status fits = check_reloadable(running->config(), *config, started_); !fits)
      return std::unexpected(refused(fits.error()));
    auto next = Runtime::make(std::move(*config), running->generation() + 1, sockets_, running.get());
    if (!next) return std::unexpected(refused(next.error()));
    TlsContents tls_contents;
    if (identity_) {
      tls_contents = read_tls_contents(*(*next)->config().tls);
      if (const Status read = identity_->reload(); !read) return std::unexpected(refused(read.error()));
    }
    for (const std::string& warning : (*next)->warnings()) report.warnings.push_back(warning);
    if (stopping_) return fail(ErrorKind::kUnavailable, "the gateway is stopping");
    tell_health(**next);
    put_in_force(*next);
    // From here on the supervisor tells the new one what changes, and at once what has changed in between.
    supervisor_->supervise((*next)->children(), (*next)->config().limits.shutdown_timeout);
    for (const auto& child : running->children())
      if ((*next)->find_child(child->name) == nullptr) telemetry_.target_up(child->name, false);
    report.generation = (*next)->generation();
    report.changes = difference(describe(running->config()), describe((*next)->config()));
    const auto servers = server_changes(*running, **next);
    report.changes.insert(report.changes.end(), servers.begin(), servers.end());
    const auto certificates = tls_changes(std::exchange(tls_contents_, tls_contents), tls_contents);
    report.changes.insert(report.changes.end(), certificates.begin(), certificates.end());
    base::log_info("configuration {} is in force: {} lines changed", report.generation, report.changes.size());
    return report;
  }
  [[nodiscard]] std::vector<ChildStatus> children() const override {
    return supervisor_ ? supervisor_->status() : std::vector<ChildStatus>{};
  }
  [[nodiscard]] bool stopping() const noexcept override { return stopping_; }
  [[nodiscard]] bool wait_ready(Nanoseconds timeout) const { return !supervisor_ || supervisor_->wait_ready(timeout); }

  [[nodiscard]] bool tls() const noexcept { return identity_ != nullptr; }
  [[nodiscard]] static std::string url(const std::string& host, std::uint16_t port, bool tls = false) {
    const bool any = host == "0.0.0.0" || host == "::" || host.empty();
    const std::string shown = any ? "127.0.0.1" : host.find(':') != std::string::npos ? "[" + host + "]" : host;
    return fmt::format("{}://{}:{}", tls ? "https" : "http", shown, port);
  }

  std::string host_, admin_host_;
  std::uint16_t port_ = 0;
  std::uint16_t admin_port_ = 0;

 private:
  void tell_health(const Runtime& next) const {
    for (const auto& child : next.children()) next.set_provider_healthy(child->name, supervisor_->healthy(*child));
  }

  static Error refused(Error error) {
    base::log_error("the configuration stays as it is: {}", error.text());
    return error;
  }

  net::Awaitable<Result<ReloadReport>> reload_there() { co_return reload_now(); }

  // Each core takes the new one on its own thread, between two requests.
  void put_in_force(const std::shared_ptr<const Runtime>& next) {
    {
      const std::lock_guard lock(runtime_mutex_);
      runtime_ = next;
    }
    for (auto& core : cores_) asio::post(core->context, [raw = core.get(), next] { raw->state.runtime = next; });
  }

  Status open_records(const TraceOptions& trace) {
    if (!trace.enabled) return {};
    trace::RecordLogOptions options;
    options.folder = trace.folder.empty() ? folder_ / "trace" : trace.folder;
    options.segment_bytes_max = trace.segment_bytes_max;
    options.segments_max = trace.segments_max;
    TRY(records_, trace::RecordLog::open(options));
    if (!records_->repaired().empty()) base::log_warning("trace repaired: {}", records_->repaired());
    shared_.records = records_.get();
    return {};
  }

  Status open_spans(const Config& config) {
    shared_.access_log = config.access_log;
    if (config.spans.url.empty()) return {};
    TRY(spans_, SpanExporter::start(config.spans, clock_));
    shared_.spans = spans_.get();
    return {};
  }

  Status start_cores(const net::Listener& listener, const net::Listener& admin, std::uint64_t seed) {
    const Config& config = runtime_->config();
    std::size_t count = config.threads;
    if (count == 0) count = std::max(1U, std::thread::hardware_concurrency());
    for (std::size_t i = 0; i < count; ++i) {
      auto core = std::make_unique<Core>(i, shared_, base::mix64(seed + i));
      TRY(core->main.acceptor, listener.acceptor(core->context));
      core->state.runtime = runtime_;
      core->main.handler = main_handler(core->state, *this);
      core->main.error_body = telling_error_body(core->state);
      core->main.gate.tell_handshake_failures(
          [this, i](net::HandshakeFailure reason) { telemetry_.handshake_failed(i, reason); });
      if (i == 0) {
        TRY(core->admin.acceptor, admin.acceptor(core->context));
        core->admin.handler = admin_handler(core->state, *this);
        core->admin.error_body = telling_error_body(core->state);
      }
      cores_.push_back(std::move(core));
    }
    if (records_) asio::co_spawn(cores_[0]->context, watch_records(*cores_[0]), asio::detached);
    for (auto& core : cores_) {
      asio::co_spawn(core->context, sweep_connections(*core), asio::detached);
      open_port(*core, core->main);
      open_port(*core, core->admin);
      core->thread = std::thread([raw = core.get()] { raw->context.run(); });
    }
    return {};
  }

  // Connections to upstreams that nobody uses any more are closed in quiet times, too.
  static asio::awaitable<void> sweep_connections(Core& core) {
    asio::steady_timer timer(core.context);
    const net::Gate::Pass inside(core.main.gate);
    while (!core.main.gate.closed()) {
      core.state.client.sweep();
      timer.expires_after(kSweepPoll);
      auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
      static_cast<void>(error);
    }
    core.state.client.clear();
  }

  // A disk that refuses records is said once for each reason; requests go on.
  asio::awaitable<void> watch_records(Core& core) {
    asio::steady_timer timer(core.context);
    const net::Gate::Pass inside(core.admin.gate);
    std::string said;
    while (!core.admin.gate.closed()) {
      const trace::RecordLogCounts counts = records_->counts();
      if (!counts.last_error.empty() && counts.last_error != said)
        base::log_error("decision records cannot be written: {} ({} wait, {} dropped); requests go on",
                        counts.last_error, counts.waiting, counts.dropped);
      said = counts.last_error;
      timer.expires_after(kRecordsPoll);
      auto [error] = co_await timer.async_wait(asio::as_tuple(asio::use_awaitable));
      static_cast<void>(error);
    }
  }

  // What the disk refuses to the last is lost with the process, so it is said.
  void flush_records() {
    if (!records_) return;
    records_->flush();
    const trace::RecordLogCounts counts = records_->counts();
    if (counts.waiting + counts.dropped > 0)
      base::log_error("{} decision records are lost: {} were never written ({}), {} dropped before",
                      counts.waiting + counts.dropped, counts.waiting, counts.last_error, counts.dropped);
  }

  void open_port(Core& core, Port& port) {
    if (!port.acceptor) return;
    // The admin listener speaks plain HTTP: it is for this machine, or behind a tunnel of the operator's.
    const auto identity = &port == &core.main ? identity_ : nullptr;
    asio::co_spawn(
        core.context,
        net::accept_loop(*port.acceptor, limits_, port.handler, port.error_body, clock_, port.gate, identity),
        asio::detached);
  }

  void close_ports(Core& core) {
    asio::post(core.context, [&core] {
      // The acceptors close themselves, behind the last connection that waited in them.
      for (Port* port : {&core.main, &core.admin}) port->gate.close();
    });
  }

  // First patience, then force: afterwards no coroutine is left that could touch what is about to be destroyed.
  void wait_for_turns() {
    if (cores_.empty() || !runtime_) return;
    if (wait_until_empty(runtime_->config().limits.shutdown_timeout)) return;
    base::log_warning("stopping with requests still in flight after the shutdown timeout: they are told and end");
    for (auto& core : cores_) {
      asio::post(core->context, [raw = core.get()] {
        raw->state.ending = true;
        // Cancelling runs the turns' code, which may end them.
        const std::vector<net::Cancellation*> turns(raw->state.turns.begin(), raw->state.turns.end());
        for (net::Cancellation* turn : turns)
          if (raw->state.turns.contains(turn)) turn->cancel();
      });
    }
    if (wait_until_empty(kTellPatience)) return;
    for (auto& core : cores_) {
      asio::post(core->context, [raw = core.get()] {
        raw->main.gate.abort();
        raw->admin.gate.abort();
      });
    }
    static_cast<void>(wait_until_empty(kAbortPatience));
  }

  [[nodiscard]] bool wait_until_empty(Nanoseconds patience) {
    std::vector<std::future<bool>> empties;
    for (auto& core : cores_)
      for (const Port* port : {&core->main, &core->admin})
        empties.push_back(asio::co_spawn(core->context, net::wait_until_empty(port->gate, patience), asio::use_future));
    bool all = true;
    for (auto& empty : empties) all = empty.get() && all;
    return all;
  }

  // Before the cores, which ask it; no child is up yet.
  void make_supervisor() {
    supervisor_ = std::make_unique<Supervisor>(clock_, [this](const std::string& name, bool healthy) {
      runtime()->set_provider_healthy(name, healthy);
      telemetry_.target_up(name, healthy);
    });
    tell_health(*runtime_);
  }

  base::SystemClock clock_;
  base::Metrics metrics_;
  Telemetry telemetry_;
  Shared shared_;
  std::filesystem::path folder_;
  std::filesystem::path sockets_;
  mutable std::mutex runtime_mutex_;  ///< guards runtime_; serving cores have their own copies
  std::shared_ptr<const Runtime> runtime_;
  std::mutex reload_mutex_;
  asio::thread_pool reload_pool_{1};
  std::unique_ptr<trace::RecordLog> records_;
  std::unique_ptr<SpanExporter> spans_;
  std::unique_ptr<ResponseStore> responses_;
  GatewayLimits started_;  ///< the limits that the HTTP layer began with
  net::ServerLimits limits_;
  std::shared_ptr<net::TlsIdentity> identity_;  ///< null: plain HTTP
  TlsContents tls_contents_;                    ///< of the identity's files; changes under reload_mutex_
  std::vector<std::unique_ptr<Core>> cores_;
  std::unique_ptr<Supervisor> supervisor_;
  std::atomic<bool> stopping_{false};
  bool stopped_ = false;
};

Gateway::Gateway(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Gateway::~Gateway() = default;

Result<std::unique_ptr<Gateway>> Gateway::start(Config config, const StartOptions& options) {
  auto impl = std::make_unique<Impl>();
  CHECK_OK(impl->start(std::move(config), options));
  return std::unique_ptr<Gateway>(new Gateway(std::move(impl)));
}

std::uint16_t Gateway::port() const noexcept { return impl_->port_; }
std::uint16_t Gateway::admin_port() const noexcept { return impl_->admin_port_; }
std::string Gateway::base_url() const { return Impl::url(impl_->host_, impl_->port_, impl_->tls()); }
std::string Gateway::admin_url() const { return Impl::url(impl_->admin_host_, impl_->admin_port_); }
std::shared_ptr<const Runtime> Gateway::runtime() const { return impl_->runtime(); }
bool Gateway::wait_ready(Nanoseconds timeout) const { return impl_->wait_ready(timeout); }
std::vector<ChildStatus> Gateway::children() const { return impl_->children(); }
Result<ReloadReport> Gateway::reload() { return impl_->reload_now(); }
void Gateway::stop() { impl_->stop(); }

}  // namespace thalamus::gateway
