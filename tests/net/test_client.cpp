/// The client over the in-memory transport, against our server and against scripted ones.
#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "rig.h"

namespace thalamus::net {
namespace {

struct Got {
  int status = 0;
  std::string body;
  Error error;
  bool failed = false;
};

Awaitable<Got> call(Rig& rig, HttpCall request, CallLimits limits = {}, Cancellation* cancellation = nullptr) {
  Got got;
  auto exchange = co_await rig.client.send(rig.endpoint, request, limits, cancellation);
  if (!exchange) {
    got.failed = true;
    got.error = exchange.error();
    co_return got;
  }
  got.status = (*exchange)->status();
  auto body = co_await (*exchange)->read_all(1U << 20);
  if (body) {
    got.body = *body;
  } else {
    got.failed = true;
    got.error = body.error();
  }
  co_return got;
}

HttpCall post(std::string path, std::string_view body) {
  HttpCall request;
  request.path = std::move(path);
  request.body = body;
  return request;
}

/// Accepts connections; each one reads a request's head and sends the next of the scripted answers, then closes or not.
struct Script {
  struct Step {
    std::string answer;
    bool close = true;
    bool read_first = true;
  };
  std::vector<Step> steps;
  std::vector<std::string> seen;
};

Awaitable<void> play(std::unique_ptr<Stream> stream, Script* script, std::size_t* next) {
  while (*next < script->steps.size()) {
    const Script::Step step = script->steps[(*next)++];
    if (step.read_first) script->seen.push_back(co_await read_until(*stream, "\r\n\r\n"));
    static_cast<void>(co_await write_text(*stream, step.answer));
    if (step.close) break;
  }
  if (*next < script->steps.size()) co_return;
  // The last one stays open until the client leaves.
  if (!script->steps.back().close) static_cast<void>(co_await read_to_end(*stream));
}

Awaitable<void> serve_script(MemoryListener* listener, Script* script) {
  const auto executor = co_await asio::this_coro::executor;
  const auto next = std::make_unique<std::size_t>(0);
  while (*next < script->steps.size()) {
    auto stream = co_await listener->accept();
    if (!stream) co_return;
    co_await play(std::move(*stream), script, next.get());
  }
}

Got call_script(Script& script, CallLimits limits = {}, std::string method = "GET") {
  Rig rig;
  const auto listener = rig.network.listen("upstream", 80).value();
  asio::co_spawn(rig.context, serve_script(listener.get(), &script), asio::detached);
  HttpCall request;
  request.method = std::move(method);
  request.path = "/x";
  Got got = run(rig.context, call(rig, request, limits));
  listener->close();
  rig.client.clear();
  EXPECT_TRUE(run_dry(rig.context));
  return got;
}

TEST(Client, CallsAndReusesItsConnection) {
  Rig rig;
  rig.serve();
  for (int i = 0; i < 5; ++i) {
    const Got got = run(rig.context, call(rig, post("/echo?x", "body")));
    EXPECT_EQ(got.status, 200);
    EXPECT_EQ(got.body, "POST /echo?x body");
    const Got streamed = run(rig.context, call(rig, post("/stream", "end")));
    EXPECT_EQ(streamed.body, "one,two,end");
  }
  EXPECT_EQ(rig.network.connections_made(), 1U);
  EXPECT_EQ(rig.client.idle_connections(), 1U);
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
}

TEST(Client, WritesItsOwnFramingAndTheBasePath) {
  Script script{.steps = {{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}}, .seen = {}};
  Rig rig;
  rig.endpoint.base_path = "/v1";
  const auto listener = rig.network.listen("upstream", 80).value();
  asio::co_spawn(rig.context, serve_script(listener.get(), &script), asio::detached);
  HttpCall request;
  request.path = "/chat";
  request.headers.add("Authorization", "Bearer k");
  request.headers.add("content-length", "77");
  request.headers.add("Host", "elsewhere");
  request.headers.add("Transfer-Encoding", "chunked");
  EXPECT_EQ(run(rig.context, call(rig, request)).status, 200);
  EXPECT_EQ(script.seen.at(0),
            "POST /v1/chat HTTP/1.1\r\nHost: upstream\r\nAuthorization: Bearer k\r\nContent-Length: 0\r\n\r\n");
}

TEST(Client, RefusesToSmuggle) {
  Rig rig;
  rig.serve();
  HttpCall request = post("/x", "");
  request.headers.add("Authorization", "a\r\nX: b");
  EXPECT_EQ(run(rig.context, call(rig, request)).error.kind, ErrorKind::kInvalidInput);
  EXPECT_EQ(run(rig.context, call(rig, post("/x y", ""))).error.kind, ErrorKind::kInvalidInput);
  EXPECT_EQ(run(rig.context, call(rig, post("/x\r\nA: b", ""))).error.kind, ErrorKind::kInvalidInput);
  EXPECT_EQ(rig.network.connections_made(), 0U);
}

TEST(Client, ReadsBodiesOfEveryFraming) {
  const auto body_of = [](const std::string& answer, const std::string& method = "GET") {
    Script script{.steps = {{answer}}, .seen = {}};
    const Got got = call_script(script, {}, method);
    EXPECT_FALSE(got.failed) << got.error.message;
    return got.body;
  };
  EXPECT_EQ(body_of("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), "abc");
  EXPECT_EQ(body_of("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"), "abc");
  EXPECT_EQ(body_of("HTTP/1.1 200 OK\r\n\r\nabc until the end"), "abc until the end");
  EXPECT_EQ(body_of("HTTP/1.0 200 OK\r\n\r\nabc"), "abc");
  EXPECT_EQ(body_of("HTTP/1.1 204 No Content\r\n\r\n"), "");
  EXPECT_EQ(body_of("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD"), "");
  EXPECT_EQ(body_of("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nz"),
            "z");
}

TEST(Client, CallsACutOrMalformedAnswerAnUpstreamFailure) {
  for (const std::string answer :
       {"", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "nonsense\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "HTTP/1.1 101 Switching\r\n\r\n"}) {
    Script script{.steps = {{answer}}, .seen = {}};
    const Got got = call_script(script);
    EXPECT_TRUE(got.failed) << answer;
    EXPECT_EQ(got.error.kind, ErrorKind::kUpstream) << answer << got.error.message;
    EXPECT_TRUE(got.error.message.starts_with("upstream:80: ")) << got.error.message;
  }
}

TEST(Client, ReadsAnAnswerThatIsGivenBeforeTheRequestIsTaken) {
  Script script{.steps = {{"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig", true, false}}, .seen = {}};
  Rig rig;
  const auto listener = rig.network.listen("upstream", 80).value();
  asio::co_spawn(rig.context, serve_script(listener.get(), &script), asio::detached);
  const std::string body(500'000, 'x');
  const Got got = run(rig.context, call(rig, post("/x", body)));
  EXPECT_EQ(got.status, 413);
  EXPECT_EQ(got.body, "big");
  EXPECT_EQ(rig.client.idle_connections(), 0U);
}

TEST(Client, HoldsItsLimits) {
  CallLimits limits;
  limits.body_bytes_max = 4;
  for (const std::string answer : {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
                                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                                   "HTTP/1.1 200 OK\r\n\r\nhello"}) {
    Script script{.steps = {{answer}}, .seen = {}};
    EXPECT_EQ(call_script(script, limits).error.kind, ErrorKind::kTooLarge) << answer;
  }
  limits.head_bytes_max = 100;
  Script script{.steps = {{"HTTP/1.1 200 OK\r\nA: " + std::string(200, 'x') + "\r\n\r\n"}}, .seen = {}};
  EXPECT_EQ(call_script(script, limits).error.kind, ErrorKind::kTooLarge);
}

TEST(Client, ReplacesAStaleConnectionOnce) {
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  Script script{.steps = {{ok}, {ok}}, .seen = {}};
  Rig rig;
  const auto listener = rig.network.listen("upstream", 80).value();
  asio::co_spawn(rig.context, serve_script(listener.get(), &script), asio::detached);
  EXPECT_EQ(run(rig.context, call(rig, post("/1", ""))).body, "ok");
  EXPECT_EQ(rig.client.idle_connections(), 1U);
  EXPECT_EQ(run(rig.context, call(rig, post("/2", ""))).body, "ok");
  EXPECT_EQ(rig.network.connections_made(), 2U);
}

TEST(Client, DoesNotRepeatACallWhoseAnswerHadBegun) {
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  Script script{.steps = {{ok, false}, {"HTTP/1.1 2"}, {ok}}, .seen = {}};
  Rig rig;
  const auto listener = rig.network.listen("upstream", 80).value();
  asio::co_spawn(rig.context, serve_script(listener.get(), &script), asio::detached);
  EXPECT_EQ(run(rig.context, call(rig, post("/1", ""))).body, "ok");
  EXPECT_EQ(run(rig.context, call(rig, post("/2", ""))).error.kind, ErrorKind::kUpstream);
  EXPECT_EQ(rig.network.connections_made(), 1U);
}

TEST(Client, DoesNotReuseWhatTheServerWantsClosed) {
  for (const std::string answer :
       {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more"}) {
    Script script{.steps = {{answer, false}}, .seen = {}};
    Rig rig;
    const auto listener = rig.network.listen("upstream", 80).value();
    asio::co_spawn(rig.context, serve_script(listener.get(), &script), asio::detached);
    EXPECT_EQ(run(rig.context, call(rig, post("/1", ""))).body, "ok");
    EXPECT_EQ(rig.client.idle_connections(), 0U) << answer;
  }
}

TEST(Client, FollowsNoRedirect) {
  for (const int status : {301, 302, 303, 307, 308}) {
    Script script{.steps = {{fmt::format("HTTP/1.1 {} Moved\r\nLocation: http://upstream/other\r\n"
                                         "Content-Length: 0\r\n\r\n",
                                         status),
                             false},
                            {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}},
                  .seen = {}};
    EXPECT_EQ(call_script(script).status, status);
    // An empty one is the connection's end.
    std::erase(script.seen, "");
    EXPECT_EQ(script.seen.size(), 1U) << "one request and no other";
  }
}

TEST(Client, SaysWhenNobodyListens) {
  Rig rig;
  const Got got = run(rig.context, call(rig, post("/x", "")));
  EXPECT_EQ(got.error.kind, ErrorKind::kUnavailable);
}

// ---- time and cancellation
// -------------------------------------------------------------------------------------------

TEST(Client, GivesUpOnSilenceBeforeAndWithinTheAnswer) {
  CallLimits limits;
  limits.first_byte_timeout = Nanoseconds::from_ms(15);
  limits.idle_timeout = Nanoseconds::from_ms(15);
  for (const std::string answer : {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"}) {
    Script script{.steps = {{answer, false}}, .seen = {}};
    EXPECT_EQ(call_script(script, limits).error.kind, ErrorKind::kTimeout) << answer;
  }
}

Awaitable<Error> read_briefly(Rig& rig) {
  const HttpCall request = post("/x", "");
  const CallLimits limits;
  auto exchange = co_await rig.client.send(rig.endpoint, request, limits, nullptr);
  if (!exchange) co_return exchange.error();
  const auto first = co_await (*exchange)->read();
  if (!first) co_return first.error();
  (*exchange)->read_until(rig.clock.now() + Nanoseconds::from_ms(15));
  const auto second = co_await (*exchange)->read();
  co_return second ? Error{ErrorKind::kInternal, "the silence was read", {}} : second.error();
}

TEST(Client, AReadMayBeBoundedMoreTightlyThanTheCall) {
  Script script{.steps = {{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", false}}, .seen = {}};
  Rig rig;
  const auto listener = rig.network.listen("upstream", 80).value();
  asio::co_spawn(rig.context, serve_script(listener.get(), &script), asio::detached);
  EXPECT_EQ(run(rig.context, read_briefly(rig)).kind, ErrorKind::kTimeout);
  listener->close();
  rig.client.clear();
  EXPECT_TRUE(run_dry(rig.context));
}

TEST(Client, KeepsItsDeadlineOverAll) {
  Rig rig;
  rig.serve();
  rig.network.stall();
  CallLimits limits;
  limits.deadline = rig.clock.now() + Nanoseconds::from_ms(15);
  EXPECT_EQ(run(rig.context, call(rig, post("/x", ""), limits)).error.kind, ErrorKind::kTimeout);
  EXPECT_EQ(run(rig.context, call(rig, post("/x", ""), limits)).error.kind, ErrorKind::kTimeout);
  rig.network.resume();
  CallLimits brief;
  brief.connect_timeout = Nanoseconds::from_ms(500);
  EXPECT_EQ(run(rig.context, call(rig, post("/x", ""), brief)).status, 200);
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
}

Awaitable<void> cancel_soon(Cancellation& cancellation) {
  co_await pause_ms(2);
  cancellation.cancel();
}

TEST(Client, ClosesAtOnceWhenCancelled) {
  for (const bool while_connecting : {true, false}) {
    Rig rig;
    Script script{.steps = {{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", false}}, .seen = {}};
    const auto listener = rig.network.listen("upstream", 80).value();
    asio::co_spawn(rig.context, serve_script(listener.get(), &script), asio::detached);
    if (while_connecting) rig.network.stall();
    Cancellation cancellation;
    asio::co_spawn(rig.context, cancel_soon(cancellation), asio::detached);
    const Got got = run(rig.context, call(rig, post("/x", ""), {}, &cancellation));
    EXPECT_EQ(got.error.kind, ErrorKind::kCancelled);
    EXPECT_EQ(run(rig.context, call(rig, post("/x", ""), {}, &cancellation)).error.kind, ErrorKind::kCancelled);
    rig.network.resume();
    listener->close();
    rig.client.clear();
    EXPECT_TRUE(run_dry(rig.context));
  }
}

Awaitable<std::string> read_one_piece_and_leave(Rig& rig) {
  HttpCall request = post("/x", "");
  CallLimits limits;
  auto exchange = co_await rig.client.send(rig.endpoint, request, limits, nullptr);
  if (!exchange) co_return exchange.error().message;
  const auto piece = co_await (*exchange)->read();
  co_return std::string(piece.value());
}

TEST(Client, ClosesWhenAnExchangeIsDroppedHalfway) {
  Rig rig;
  Script script{.steps = {{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", false}}, .seen = {}};
  const auto listener = rig.network.listen("upstream", 80).value();
  asio::co_spawn(rig.context, serve_script(listener.get(), &script), asio::detached);
  EXPECT_EQ(run(rig.context, read_one_piece_and_leave(rig)), "hel");
  EXPECT_EQ(rig.client.idle_connections(), 0U);
  EXPECT_TRUE(run_dry(rig.context)) << "the server saw the end";
}

TEST(Client, SparesTheConnectionWhenTheEndWasHereAlready) {
  Rig rig;
  Script script{.steps = {{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false}},
                .seen = {}};
  const auto listener = rig.network.listen("upstream", 80).value();
  asio::co_spawn(rig.context, serve_script(listener.get(), &script), asio::detached);
  EXPECT_EQ(run(rig.context, read_one_piece_and_leave(rig)), "ok");
  EXPECT_EQ(rig.client.idle_connections(), 1U);
}

TEST(Client, ForgetsConnectionsThatIdleTooLong) {
  base::ManualClock clock;
  asio::io_context context{1};
  MemoryNetwork network(context.get_executor(), clock);
  HttpClient client(network, clock);
  Rig rig;
  // The client has a clock of its own; the server side is a script without one.
  Script script{.steps = {{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false}}, .seen = {}};
  const auto listener = network.listen("upstream", 80).value();
  asio::co_spawn(context, serve_script(listener.get(), &script), asio::detached);
  const HttpCall request = post("/x", "");
  const CallLimits limits;
  {
    auto exchange = run(context, client.send(rig.endpoint, request, limits, nullptr));
    ASSERT_TRUE(exchange.has_value());
    EXPECT_EQ(run(context, (*exchange)->read_all(10)).value(), "ok");
  }
  clock.advance(HttpClient::kIdleTime + Nanoseconds{-1});
  client.sweep();
  EXPECT_EQ(client.idle_connections(), 1U);
  clock.advance(Nanoseconds{1});
  client.sweep();
  EXPECT_EQ(client.idle_connections(), 0U);
}

// ---- every operation fails once
// --------------------------------------------------------------------------------------

TEST(Client, EndsCleanlyWhicheverOperationFails) {
  std::uint64_t fail_at = 1;
  for (; fail_at < 1'000; ++fail_at) {
    FailCounter counter;
    counter.fail_at = fail_at;
    Rig rig;
    rig.network.faults().counter = &counter;
    rig.network.faults().read_size_max = 30;
    rig.serve();
    Cancellation cancellation;
    int failures = 0;
    for (const char* path : {"/echo", "/stream", "/echo"}) {
      const Got got = run(rig.context, call(rig, post(path, "body"), {}, &cancellation));
      if (got.failed) {
        ++failures;
        EXPECT_TRUE(got.error.kind == ErrorKind::kUpstream || got.error.kind == ErrorKind::kUnavailable)
            << got.error.message;
        EXPECT_FALSE(got.error.message.empty());
      } else {
        EXPECT_EQ(got.body, std::string_view(path) == "/echo" ? "POST /echo? body" : "one,two,body");
      }
    }
    EXPECT_LE(failures, 1) << fail_at;
    rig.stop();
    EXPECT_TRUE(run_dry(rig.context)) << fail_at;
    EXPECT_EQ(rig.gate.inside(), 0U) << fail_at;
    if (!counter.hit) break;
  }
  EXPECT_GT(fail_at, 20U);
  EXPECT_LT(fail_at, 1'000U);
}

TEST(Client, NeverTakesACutAnswerForAWholeOne) {
  for (const std::string path : {"/echo", "/stream"}) {
    for (std::uint64_t bytes = 1;; ++bytes) {
      Rig rig;
      rig.network.faults().to_client_bytes_max = bytes;
      rig.network.faults().read_size_max = 16;
      rig.serve();
      const Got got = run(rig.context, call(rig, post(path, "body")));
      rig.stop();
      EXPECT_TRUE(run_dry(rig.context));
      if (!got.failed) {
        EXPECT_EQ(got.body, path == "/echo" ? "POST /echo? body" : "one,two,body");
        break;
      }
      ASSERT_LT(bytes, 1'000U);
    }
  }
}

}  // namespace
}  // namespace thalamus::net
