#include "thalamus/host/server.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <optional>
#include <thread>

#include "thalamus/base/clock.h"
#include "thalamus/base/json_writer.h"
#include "thalamus/base/log.h"
#include "thalamus/net/http_server.h"
#include "thalamus/net/stream_tcp.h"
#include "thalamus/wire/format.h"

namespace thalamus::host {
namespace {

namespace asio = boost::asio;
using Unix = asio::local::stream_protocol;

constexpr Nanoseconds kStopPatience = Nanoseconds::from_ms(1'500);

std::string error_body(int status, std::string_view message) {
  base::JsonWriter out;
  out.begin_object().key("error").begin_object().field("message", message);
  out.field("type", status >= 500 ? "server_error" : "invalid_request_error").key("param").null().key("code").null();
  out.end_object().end_object();
  return out.take();
}

/// What the worker thread hands to the connection's coroutine; all members belong to the network thread.
struct Channel {
  explicit Channel(asio::io_context& context) : wake(context) { wake.expires_at(asio::steady_timer::time_point::max()); }
  struct Item {
    std::string text;
    std::optional<core::TokenLogprob> logprob;
  };
  std::deque<Item> items;
  std::optional<Result<core::Answer>> end;
  asio::steady_timer wake;
};

class Server {
 public:
  explicit Server(const ServeOptions& options)
      : options_(options), format_(*wire::find_format("openai")), signals_(context_, SIGTERM, SIGINT) {
    if (options_.model_name.empty()) options_.model_name = options.engine.model.stem().string();
  }

  Status run() {
    CHECK_OK(open());
    signals_.async_wait([this](const boost::system::error_code& error, int) {
      if (!error) asio::co_spawn(context_, stop(), asio::detached);
    });
    std::optional<Error> load_failure;
    std::thread loader([this, &load_failure] {
      auto engine = Engine::load(options_.engine);
      if (!engine) {
        load_failure = engine.error();
        asio::post(context_, [this] { context_.stop(); });
        return;
      }
      asio::post(context_, [this, raw = engine->release()] {
        engine_.reset(raw);
        base::log_info("model {} is loaded", options_.model_name);
      });
    });
    context_.run();
    loader.join();
    if (!options_.unix_socket.empty()) ::unlink(options_.unix_socket.c_str());
    if (load_failure) return std::unexpected(*load_failure);
    return {};
  }

 private:
  Status open() {
    handler_ = [this](net::HttpRequest& request, net::Responder& responder) { return handle(request, responder); };
    if (!options_.unix_socket.empty()) return open_unix();
    TRY(auto address, net::parse_address(options_.listen));
    TRY(auto listener, net::Listener::bind(address.first, address.second));
    TRY(tcp_, listener.acceptor(context_));
    fmt::print("listens on {}:{}\n", listener.address(), listener.port());
    std::fflush(stdout);
    asio::co_spawn(context_, net::accept_loop(*tcp_, limits_, handler_, error_body_, clock_, gate_), asio::detached);
    return {};
  }

  Status open_unix() {
    const std::string& path = options_.unix_socket;
    boost::system::error_code error;
    Unix::endpoint endpoint;
    try {
      endpoint = Unix::endpoint(path);
    } catch (const boost::system::system_error&) {
      return fail_at(path, ErrorKind::kInvalidInput, "the path is too long for a Unix socket (about 107 bytes at most)");
    }
    Unix::socket probe(context_);
    probe.connect(endpoint, error);
    if (!error) return fail_at(path, ErrorKind::kConflict, "another process listens on this socket; stop it or choose another path");
    ::unlink(path.c_str());
    unix_.emplace(context_);
    unix_->open(endpoint.protocol(), error);
    const ::mode_t before = ::umask(0077);
    if (!error) unix_->bind(endpoint, error);
    ::umask(before);
    if (!error) unix_->listen(asio::socket_base::max_listen_connections, error);
    if (error) return fail_at(path, ErrorKind::kEnvironment, "cannot listen: {}", error.message());
    asio::co_spawn(context_, accept_unix(), asio::detached);
    return {};
  }

  asio::awaitable<void> accept_unix() {
    for (;;) {
      auto [error, socket] = co_await unix_->async_accept(asio::as_tuple(asio::use_awaitable));
      if (error) co_return;
      auto stream = net::make_unix_stream(std::move(socket), options_.unix_socket);
      asio::co_spawn(context_, net::serve_connection(std::move(stream), limits_, handler_, error_body_, clock_, gate_),
                     asio::detached);
    }
  }

  asio::awaitable<void> stop() {
    boost::system::error_code ignored;
    if (tcp_) tcp_->close(ignored);
    if (unix_) unix_->close(ignored);
    gate_.close();
    const bool empty = co_await net::wait_until_empty(gate_, kStopPatience);
    if (!empty) gate_.abort();
    const bool gone = co_await net::wait_until_empty(gate_, kStopPatience);
    static_cast<void>(gone);
    context_.stop();
  }

  asio::awaitable<void> handle(net::HttpRequest& request, net::Responder& responder) {
    if (request.path == "/health") {
      co_await reply(responder, engine_ ? 200 : 503, engine_ ? R"({"status":"ok"})" : R"({"status":"loading"})");
    } else if (request.path == "/v1/models") {
      co_await reply(responder, 200, models());
    } else if (request.path != "/v1/chat/completions") {
      co_await reply(responder, 404, error_body(404, "no such path; this server has /v1/chat/completions, /v1/models, /health"));
    } else if (request.method != "POST") {
      co_await reply(responder, 405, error_body(405, "/v1/chat/completions takes POST only"));
    } else {
      co_await chat(request, responder);
    }
  }

  asio::awaitable<void> reply(net::Responder& responder, int status, std::string body) {
    net::Headers headers;
    headers.add("content-type", "application/json");
    if (status == 503) headers.add("retry-after", "1");
    Status sent = co_await responder.send(status, headers, body);
    static_cast<void>(sent);
  }

  asio::awaitable<void> refuse(net::Responder& responder, Error error) {
    co_await reply(responder, base::http_status(error.kind), format_.encode_error(error));
  }

  [[nodiscard]] std::string models() const {
    base::JsonWriter out;
    out.begin_object().field("object", "list").key("data").begin_array().begin_object();
    out.field("id", options_.model_name).field("object", "model").field("created", 0).field("owned_by", "thalamus-host");
    out.end_object().end_array().end_object();
    return out.take();
  }

  asio::awaitable<void> chat(net::HttpRequest& http, net::Responder& responder) {
    if (!engine_) {
      co_await refuse(responder, {ErrorKind::kUnavailable, "the model is still loading; try again in a moment", {}});
      co_return;
    }
    auto request = format_.decode(http.body, {});
    if (!request) {
      co_await refuse(responder, request.error());
      co_return;
    }
    const bool stream = request->stream;
    const bool include_usage = request->include_usage;
    auto channel = std::make_shared<Channel>(context_);
    Job job = make_job(std::move(*request), channel);
    const auto cancelled = job.cancelled;
    Status queued = engine_->submit(std::move(job));
    if (!queued) {
      co_await refuse(responder, queued.error());
      co_return;
    }
    const std::uint64_t watch = responder.client_gone().add([cancelled] { *cancelled = true; });
    core::Answer head;
    head.id = fmt::format("chatcmpl-{:x}-{}", clock_.unix_ns(), ++answers_);
    head.created_unix_s = clock_.unix_ns() / 1'000'000'000;
    head.model = options_.model_name;
    if (stream) {
      co_await send_stream(responder, *channel, head, include_usage);
    } else {
      co_await send_whole(responder, *channel, head);
    }
    // The worker may still be at a token; what it posts later finds a channel nobody reads.
    *cancelled = true;
    responder.client_gone().remove(watch);
  }

  Job make_job(core::Request request, const std::shared_ptr<Channel>& channel) {
    Job job;
    job.request = std::move(request);
    job.on_piece = [this, channel](const Piece& piece) {
      Channel::Item item{piece.text, {}};
      if (piece.logprob != nullptr) item.logprob = *piece.logprob;
      asio::post(context_, [channel, item = std::move(item)]() mutable {
        channel->items.push_back(std::move(item));
        channel->wake.cancel();
      });
    };
    job.on_end = [this, channel](Result<core::Answer> answer) {
      asio::post(context_, [channel, answer = std::move(answer)]() mutable {
        channel->end = std::move(answer);
        channel->wake.cancel();
      });
    };
    return job;
  }

  static asio::awaitable<void> wait(Channel& channel) {
    if (!channel.items.empty() || channel.end) co_return;
    channel.wake.expires_at(asio::steady_timer::time_point::max());
    auto [error] = co_await channel.wake.async_wait(asio::as_tuple(asio::use_awaitable));
    static_cast<void>(error);
  }

  asio::awaitable<void> send_whole(net::Responder& responder, Channel& channel, core::Answer head) {
    while (!channel.end) {
      channel.items.clear();
      co_await wait(channel);
    }
    if (!*channel.end) {
      co_await refuse(responder, channel.end->error());
      co_return;
    }
    core::Answer answer = with_head(std::move(channel.end->value()), head);
    co_await reply(responder, 200, format_.encode_answer(answer));
  }

  asio::awaitable<void> send_stream(net::Responder& responder, Channel& channel, core::Answer head, bool include_usage) {
    co_await wait(channel);
    if (channel.end && !*channel.end) {
      co_await refuse(responder, channel.end->error());
      co_return;
    }
    net::Headers headers;
    headers.add("content-type", "text/event-stream");
    headers.add("cache-control", "no-cache");
    Status sent = co_await responder.start(200, headers, format_.encode_stream_start(head));
    while (sent) {
      std::string frames;
      for (const auto& item : channel.items)
        frames += format_.encode_stream_text(head, item.text, item.logprob ? &*item.logprob : nullptr);
      channel.items.clear();
      const bool ended = channel.end.has_value();
      if (ended) frames += end_frames(*channel.end, head, include_usage);
      sent = co_await responder.write(frames);
      if (ended) break;
      co_await wait(channel);
    }
    if (!sent) co_return;
    Status finished = co_await responder.finish();
    static_cast<void>(finished);
  }

  [[nodiscard]] std::string end_frames(Result<core::Answer>& end, const core::Answer& head, bool include_usage) const {
    if (!end) return format_.encode_stream_error(end.error());
    return format_.encode_stream_end(with_head(std::move(*end), head), include_usage);
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
  asio::io_context context_{1};
  asio::signal_set signals_;
  std::optional<asio::ip::tcp::acceptor> tcp_;
  std::optional<Unix::acceptor> unix_;
  std::unique_ptr<Engine> engine_;
  std::uint64_t answers_ = 0;
};

}  // namespace

Status serve(const ServeOptions& options) {
  Server server(options);
  return server.run();
}

}  // namespace thalamus::host
