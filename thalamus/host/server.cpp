#include "thalamus/host/server.h"

#include <fmt/format.h>
#include <sys/time.h>
#include <unistd.h>

#include <csignal>
#include <deque>
#include <optional>
#include <thread>

#include "thalamus/base/clock.h"
#include "thalamus/base/json_writer.h"
#include "thalamus/base/log.h"
#include "thalamus/base/rng.h"
#include "thalamus/host/unix_socket.h"
#include "thalamus/net/asio.h"
#include "thalamus/net/http_server.h"
#include "thalamus/wire/format.h"

namespace thalamus::host {
namespace {

namespace asio = boost::asio;
constexpr auto kAsTuple = asio::as_tuple(asio::use_awaitable);

// SIGTERM ends the process within the sum of these: under two seconds.
constexpr Nanoseconds kFinishPatience = Nanoseconds::from_ms(1'000);  // for answers under way
constexpr Nanoseconds kCutPatience = Nanoseconds::from_ms(200);       // for those interrupted, then for those cut
constexpr int kEnginePatienceMs = 400;
constexpr Nanoseconds kSilencePatience = Nanoseconds::from_ms(500);  // for connections that have not asked yet
constexpr std::size_t kConnectionsMax = 1'024;

std::string error_body(int status, std::string_view message, std::string_view = {}) {
  base::JsonWriter out;
  out.begin_object().key("error").begin_object().field("message", message);
  out.field("type", status >= 500 ? "server_error" : "invalid_request_error").key("param").null().key("code").null();
  out.end_object().end_object();
  return out.take();
}

/// After this the process lives for kEnginePatienceMs at most, whatever its threads are at.
void bound_life() {
  std::signal(SIGALRM, [](int) { ::_exit(base::kExitDone); });
  ::itimerval span{};
  span.it_value.tv_usec = suseconds_t{kEnginePatienceMs} * 1'000;
  ::setitimer(ITIMER_REAL, &span, nullptr);
}

/// What the worker thread hands to the connection's coroutine; all members belong to the network thread. Kept alive by
/// whoever may still write to it.
struct Channel {
  explicit Channel(asio::io_context& context) : wake(context) {}
  struct Item {
    std::string text;
    std::optional<core::TokenLogprob> logprob;
  };
  std::deque<Item> items;  ///< at most one for each token of an answer
  std::optional<Result<core::Answer>> end;
  bool client_gone = false;
  asio::steady_timer wake;
};

class Server {
 public:
  explicit Server(const ServeOptions& options)
      : options_(options), format_(*wire::find_format("openai")), signals_(context_, SIGTERM, SIGINT) {
    limits_.connections_max = kConnectionsMax;
    limits_.stop_patience = kSilencePatience;
    if (options_.model_name.empty()) options_.model_name = options.engine.model.stem().string();
  }

  Status run() {
    CHECK_OK(Engine::check_file(options_.engine.model));
    CHECK_OK(open());
    await_signal();
    std::optional<Error> load_failure;
    std::thread loader([this, &load_failure] {
      auto engine = Engine::load(options_.engine, give_up_);
      if (!engine) {
        load_failure = engine.error();
        asio::post(context_, [this] { context_.stop(); });
        return;
      }
      asio::post(context_, [this, loaded = std::move(*engine)]() mutable {
        engine_ = std::move(loaded);
        base::log_info("model {} is loaded", options_.model_name);
      });
    });
    context_.run();
    if (unix_) unix_->remove();
    if (stopping_) bound_life();
    loader.join();
    engine_.reset();
    if (load_failure && !stopping_) return std::unexpected(*load_failure);
    return {};
  }

 private:
  Status open() {
    handler_ = [this](net::HttpRequest& request, net::Responder& responder) { return handle(request, responder); };
    if (!options_.unix_socket.empty()) {
      TRY(unix_, UnixSocket::listen(context_, options_.unix_socket));
      announce("unix:" + options_.unix_socket);
      asio::co_spawn(context_, net::accept_loop(unix_->acceptor(), limits_, handler_, error_body_, clock_, gate_),
                     asio::detached);
      return {};
    }
    TRY(auto address, net::parse_address(options_.listen));
    TRY(auto listener, net::Listener::bind(address.first, address.second));
    TRY(tcp_, listener.acceptor(context_));
    const bool v6 = listener.address().find(':') != std::string::npos;
    announce(v6 ? fmt::format("[{}]:{}", listener.address(), listener.port())
                : fmt::format("{}:{}", listener.address(), listener.port()));
    asio::co_spawn(context_, net::accept_loop(*tcp_, limits_, handler_, error_body_, clock_, gate_), asio::detached);
    return {};
  }

  static void announce(const std::string& address) {
    fmt::print("listens on {}\n", address);
    std::fflush(stdout);
  }

  /// The first signal stops in order, the second at once.
  void await_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (error) return;
      if (stopping_) return context_.stop();
      stopping_ = true;
      give_up_ = true;
      asio::co_spawn(context_, stop(), asio::detached);
      await_signal();
    });
  }

  asio::awaitable<void> stop() {
    gate_.close();
    bool empty = co_await net::wait_until_empty(gate_, kFinishPatience);
    if (!empty) {
      // Those who still wait are told so.
      if (engine_) engine_->interrupt();
      empty = co_await net::wait_until_empty(gate_, kCutPatience);
    }
    if (!empty) {
      gate_.abort();
      empty = co_await net::wait_until_empty(gate_, kCutPatience);
    }
    if (!empty) base::log_warning("stops with {} connections open", gate_.inside());
    context_.stop();
  }

  asio::awaitable<void> handle(net::HttpRequest& request, net::Responder& responder) {
    const bool reads = request.method == "GET" || request.method == "HEAD";
    const bool chats = request.path == "/v1/chat/completions";
    if (!chats && request.path != "/health" && request.path != "/v1/models") {
      co_await reply(responder, 404,
                     error_body(404, "no such path; this server has /v1/chat/completions, /v1/models and /health"));
    } else if (chats && request.method != "POST") {
      co_await refuse_method(responder, "POST");
    } else if (!chats && !reads) {
      co_await refuse_method(responder, "GET, HEAD");
    } else if (chats) {
      co_await chat(request, responder);
    } else if (request.path == "/v1/models") {
      co_await reply(responder, 200, models());
    } else if (engine_) {
      co_await reply(responder, 200, R"({"status":"ok"})");
    } else {
      co_await reply(responder, 503, R"({"status":"loading"})");
    }
  }

  asio::awaitable<void> reply(net::Responder& responder, int status, std::string body) {
    net::Headers headers;
    headers.add("Content-Type", "application/json");
    if (status == 503) headers.add("Retry-After", "1");
    const Status sent = co_await responder.send(status, headers, body);
    static_cast<void>(sent);  // a client that is gone needs no answer
  }

  asio::awaitable<void> refuse(net::Responder& responder, Error error) {
    co_await reply(responder, base::http_status(error.kind), format_.encode_error(error));
  }

  asio::awaitable<void> refuse_method(net::Responder& responder, std::string allowed) {
    net::Headers headers;
    headers.add("Content-Type", "application/json");
    headers.add("Allow", allowed);
    const std::string body = error_body(405, "this path takes " + allowed + " only");
    const Status sent = co_await responder.send(405, headers, body);
    static_cast<void>(sent);
  }

  [[nodiscard]] std::string models() const {
    base::JsonWriter out;
    out.begin_object().field("object", "list").key("data").begin_array().begin_object();
    out.field("id", options_.model_name).field("object", "model").field("created", 0);
    out.field("owned_by", "thalamus-host").end_object().end_array().end_object();
    return out.take();
  }

  Result<Job> read_job(std::string_view body) {
    if (!engine_) return fail(ErrorKind::kUnavailable, "the model is still loading; try again in a moment");
    Job job;
    TRY(job.request, format_.decode(body, {}));
    TRY(job.demands, read_demands(body));
    const std::int64_t now = clock_.unix_ns();
    job.id = fmt::format("{:x}-{}", now, ++answers_);
    job.seed = base::mix64(static_cast<std::uint64_t>(now) + answers_);
    return job;
  }

  asio::awaitable<void> chat(net::HttpRequest& http, net::Responder& responder) {
    auto job = read_job(http.body);
    if (!job) {
      co_await refuse(responder, job.error());
      co_return;
    }
    const bool stream = job->request.stream;
    const bool include_usage = job->request.include_usage;
    const auto cancelled = job->cancelled;
    core::Answer head;
    head.id = job->id;
    head.created_unix_s = clock_.unix_ns() / 1'000'000'000;
    head.model = options_.model_name;
    auto channel = std::make_shared<Channel>(context_);
    connect(*job, channel);
    const Status queued = engine_->submit(std::move(*job));
    if (!queued) {
      co_await refuse(responder, queued.error());
      co_return;
    }
    auto on_gone = [cancelled, channel] {
      *cancelled = true;
      channel->client_gone = true;
      channel->wake.cancel();
    };
    const std::uint64_t watch = responder.client_gone().add(std::move(on_gone));
    if (stream) {
      co_await send_stream(responder, *channel, head, include_usage);
    } else {
      co_await send_whole(responder, *channel, head);
    }
    // The worker may still be at a token; what it posts later reaches a channel that nobody reads.
    *cancelled = true;
    responder.client_gone().remove(watch);
  }

  void connect(Job& job, const std::shared_ptr<Channel>& channel) {
    if (job.request.stream) {
      job.on_piece = [this, channel](const Piece& piece) {
        Channel::Item item{piece.text, {}};
        if (piece.logprob != nullptr) item.logprob = *piece.logprob;
        asio::post(context_, [channel, item = std::move(item)]() mutable {
          channel->items.push_back(std::move(item));
          channel->wake.cancel();
        });
      };
    }
    job.on_end = [this, channel](Result<core::Answer> answer) {
      asio::post(context_, [channel, answer = std::move(answer)]() mutable {
        channel->end = std::move(answer);
        channel->wake.cancel();
      });
    };
  }

  /// Until there is something new. Everything runs on one thread, so nothing can come between the look and the wait.
  static asio::awaitable<void> wait(Channel& channel) {
    if (!channel.items.empty() || channel.end || channel.client_gone) co_return;
    channel.wake.expires_at(asio::steady_timer::time_point::max());
    auto [error] = co_await channel.wake.async_wait(kAsTuple);
    static_cast<void>(error);
  }

  asio::awaitable<void> send_whole(net::Responder& responder, Channel& channel, core::Answer head) {
    while (!channel.end && !channel.client_gone) co_await wait(channel);
    if (!channel.end) co_return;
    if (!*channel.end) {
      co_await refuse(responder, channel.end->error());
      co_return;
    }
    const core::Answer answer = with_head(std::move(channel.end->value()), head);
    co_await reply(responder, 200, format_.encode_answer(answer));
  }

  /// The head of the answer waits for the first piece: until then a failure has its own status.
  asio::awaitable<void> send_stream(net::Responder& responder, Channel& channel, core::Answer head,
                                    bool include_usage) {
    co_await wait(channel);
    if (channel.client_gone) co_return;
    if (channel.end && !*channel.end && channel.items.empty()) {
      co_await refuse(responder, channel.end->error());
      co_return;
    }
    net::Headers headers;
    headers.add("Content-Type", "text/event-stream");
    headers.add("Cache-Control", "no-cache");
    wire::StreamHead start;
    start.id = head.id;
    start.created_unix_s = head.created_unix_s;
    start.model = head.model;
    start.with_usage = include_usage;
    const auto writer = format_.write_stream(std::move(start));
    std::string frames;
    writer->start(frames);
    Status sent = co_await responder.start(200, headers, frames);
    while (sent) {
      frames.clear();
      for (auto& item : channel.items) {
        core::Delta delta;
        delta.text = std::move(item.text);
        delta.logprob = std::move(item.logprob);
        writer->write(delta, frames);
      }
      channel.items.clear();
      const bool ended = channel.end.has_value();
      if (ended) write_end(*channel.end, *writer, frames);
      sent = co_await responder.write(frames);
      if (ended || channel.client_gone) break;
      co_await wait(channel);
    }
    if (!sent || channel.client_gone) co_return;
    const Status finished = co_await responder.finish();
    static_cast<void>(finished);
  }

  /// Tool calls are known as a whole, at the end.
  static void write_end(Result<core::Answer>& end, wire::StreamWriter& writer, std::string& frames) {
    if (!end) return writer.fail(end.error(), frames);
    for (std::uint32_t i = 0; i < end->tool_calls.size(); ++i) {
      core::ToolCall& call = end->tool_calls[i];
      writer.write(
          {.kind = core::DeltaKind::kToolCall, .index = i, .text = {}, .id = call.id, .name = call.name, .logprob = {}},
          frames);
      writer.write({.kind = core::DeltaKind::kArguments,
                    .index = i,
                    .text = call.arguments,
                    .id = {},
                    .name = {},
                    .logprob = {}},
                   frames);
    }
    writer.end({.finish = end->finish, .usage = end->usage}, frames);
  }

  [[nodiscard]] static core::Answer with_head(core::Answer answer, const core::Answer& head) {
    answer.id = head.id;
    answer.created_unix_s = head.created_unix_s;
    answer.model = head.model;
    return answer;
  }

  ServeOptions options_;
  const wire::Format& format_;
  base::SystemClock clock_;
  net::ServerLimits limits_;
  net::Gate gate_;
  net::Handler handler_;
  net::ErrorBody error_body_ = error_body;
  asio::io_context context_;  // jobs on worker threads post to it: it outlives the engine
  asio::signal_set signals_;
  std::optional<asio::ip::tcp::acceptor> tcp_;
  std::optional<UnixSocket> unix_;
  std::atomic<bool> give_up_ = false;  ///< read by the loader
  bool stopping_ = false;
  std::unique_ptr<Engine> engine_;
  std::uint64_t answers_ = 0;
};

}  // namespace

Status serve(const ServeOptions& options) {
  try {
    Server server(options);
    return server.run();
  } catch (const std::exception& error) {
    return fail(ErrorKind::kInternal, "the server ended by an exception: {}", error.what());
  }
}

}  // namespace thalamus::host
