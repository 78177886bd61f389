/// HTTP/2 with our client and our server over the in-memory transport.
#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

#include "rig.h"

namespace thalamus::net {
namespace {

struct Rig2 : Rig {
  Rig2() { endpoint.version = HttpVersion::kHttp2; }
};

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
  auto body = co_await (*exchange)->read_all(64U << 20);
  if (body) {
    got.body = *body;
  } else {
    got.failed = true;
    got.error = body.error();
  }
  co_return got;
}

HttpCall ask(std::string method, std::string path, std::string_view body) {
  HttpCall request;
  request.method = std::move(method);
  request.path = std::move(path);
  request.body = body;
  return request;
}

Awaitable<void> call_into(Rig& rig, HttpCall request, Got* got, int* left) {
  *got = co_await call(rig, std::move(request));
  --*left;
}
Awaitable<void> until_zero(const int& left) {
  while (left > 0) co_await pause_ms(1);
}
Awaitable<void> until_true(const bool& flag) {
  while (!flag) co_await pause_ms(1);
}

TEST(Http2, CarriesCallsThereAndBackOverOneConnection) {
  Rig2 rig;
  bool http2 = false;
  rig.handler = [&](HttpRequest& request, Responder& responder) {
    http2 = request.http2 && request.headers.get("Host") == "upstream" && request.peer_is_loopback;
    return echo(request, responder);
  };
  rig.serve();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(run(rig.context, call(rig, ask("POST", "/a?b=1", "hello"))).body, "POST /a?b=1 hello");
    EXPECT_EQ(run(rig.context, call(rig, ask("GET", "/", ""))).body, "GET /? ");
    EXPECT_EQ(run(rig.context, call(rig, ask("POST", "/stream", "xy"))).body, "one,two,xy");
    const Got head = run(rig.context, call(rig, ask("HEAD", "/a", "")));
    EXPECT_EQ(head.status, 200);
    EXPECT_EQ(head.body, "");
    EXPECT_FALSE(head.failed) << head.error.message;
  }
  EXPECT_TRUE(http2);
  EXPECT_EQ(rig.network.connections_made(), 1U);
  EXPECT_EQ(rig.client.idle_connections(), 1U);
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
  EXPECT_EQ(rig.gate.inside(), 0U);
}

TEST(Http2, CarriesLargeBodiesBothWaysHoweverTheBytesAreCut) {
  std::string large;
  for (int i = 0; large.size() < (3U << 20); ++i) large += fmt::format("{} ", i);
  for (const std::size_t size : {1U << 20, 1'000U}) {
    Rig2 rig;
    rig.network.faults().read_size_max = size;
    rig.serve();
    const Got got = run(rig.context, call(rig, ask("POST", "/", large)));
    EXPECT_FALSE(got.failed) << got.error.message;
    EXPECT_TRUE(got.body == "POST /? " + large);
    rig.stop();
    EXPECT_TRUE(run_dry(rig.context));
  }
}

TEST(Http2, GivesTheSameAnswersByteByByte) {
  Rig2 rig;
  rig.network.faults().read_size_max = 1;
  rig.serve();
  EXPECT_EQ(run(rig.context, call(rig, ask("POST", "/a?b", "hello"))).body, "POST /a?b hello");
  EXPECT_EQ(run(rig.context, call(rig, ask("POST", "/stream", "xy"))).body, "one,two,xy");
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
}

Awaitable<void> wait_for_all(int* arrived, int wanted, HttpRequest& request, Responder& responder) {
  ++*arrived;
  while (*arrived < wanted && !responder.client_gone().cancelled()) co_await pause_ms(1);
  co_await echo(request, responder);
}

TEST(Http2, RunsManyCallsAtOnceOnOneConnection) {
  Rig2 rig;
  constexpr int kCalls = 60;
  int arrived = 0;
  rig.handler = [&](HttpRequest& request, Responder& responder) {
    return wait_for_all(&arrived, kCalls, request, responder);
  };
  rig.serve();
  std::vector<Got> got(kCalls);
  int left = kCalls;
  for (int i = 0; i < kCalls; ++i)
    asio::co_spawn(rig.context,
                   call_into(rig, ask("POST", fmt::format("/{}", i), "b"), &got[static_cast<std::size_t>(i)], &left),
                   asio::detached);
  run(rig.context, until_zero(left));
  for (int i = 0; i < kCalls; ++i) EXPECT_EQ(got[static_cast<std::size_t>(i)].body, fmt::format("POST /{}? b", i));
  EXPECT_EQ(rig.network.connections_made(), 1U);
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
}

TEST(Http2, OpensFurtherConnectionsWhenAllStreamsAreTaken) {
  Rig2 rig;
  rig.limits.streams_max = 2;
  constexpr int kCalls = 6;
  int arrived = 0;
  rig.handler = [&](HttpRequest& request, Responder& responder) {
    return wait_for_all(&arrived, kCalls, request, responder);
  };
  rig.serve();
  std::vector<Got> got(kCalls);
  int left = kCalls;
  for (auto& one : got) asio::co_spawn(rig.context, call_into(rig, ask("POST", "/", "b"), &one, &left), asio::detached);
  run(rig.context, until_zero(left));
  for (const Got& one : got) EXPECT_EQ(one.body, "POST /? b") << one.error.message;
  EXPECT_EQ(rig.network.connections_made(), 3U);
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
}

Awaitable<void> misbehave(HttpRequest& request, Responder& responder) {
  Headers headers;
  if (request.path == "/throw") throw std::runtime_error("planned");
  if (request.path == "/half") {
    static_cast<void>(co_await responder.start(200, headers, "half"));
    co_return;
  }
  if (request.path == "/twice") {
    EXPECT_TRUE((co_await responder.send(200, headers, "once")).has_value());
    EXPECT_TRUE(responder.started());
    EXPECT_FALSE((co_await responder.send(200, headers, "twice")).has_value());
    EXPECT_FALSE((co_await responder.start(200, headers, "twice")).has_value());
    EXPECT_FALSE((co_await responder.write("more")).has_value());
    EXPECT_FALSE((co_await responder.finish()).has_value());
  }
  if (request.path == "/inject") {
    headers.add("X", "a\r\nSet-Cookie: b");
    EXPECT_FALSE((co_await responder.send(200, headers, "")).has_value());
    EXPECT_FALSE(responder.started());
  }
  if (request.path == "/hop") {
    headers.add("Connection", "close");
    headers.add("Keep-Alive", "timeout=5");
    headers.add("Transfer-Encoding", "chunked");
    headers.add("X-Kept", "  yes ");
    EXPECT_TRUE((co_await responder.send(204, headers, "never sent")).has_value());
  }
}

TEST(Http2, SurvivesWhatHandlersDo) {
  Rig2 rig;
  rig.handler = misbehave;
  rig.serve();
  EXPECT_EQ(run(rig.context, call(rig, ask("GET", "/throw", ""))).status, 500);
  EXPECT_EQ(run(rig.context, call(rig, ask("GET", "/nothing", ""))).status, 500);
  EXPECT_EQ(run(rig.context, call(rig, ask("GET", "/inject", ""))).status, 500);
  EXPECT_EQ(run(rig.context, call(rig, ask("GET", "/twice", ""))).body, "once");
  EXPECT_EQ(run(rig.context, call(rig, ask("GET", "/hop", ""))).status, 204);
  const Got half = run(rig.context, call(rig, ask("GET", "/half", "")));
  EXPECT_TRUE(half.failed);
  EXPECT_EQ(half.error.kind, ErrorKind::kUpstream);
  EXPECT_EQ(rig.network.connections_made(), 1U) << "one bad answer does not end the others' connection";
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
  EXPECT_EQ(rig.gate.inside(), 0U);
  EXPECT_EQ(rig.gate.failures(), 1U);
}

// ---- flow control
// ----------------------------------------------------------------------------------------------------

Awaitable<void> flood(std::size_t* written, Status* last, HttpRequest& request, Responder& responder) {
  if (request.path != "/flood") co_return co_await echo(request, responder);
  Headers headers;
  const std::string piece(50'000, 'x');
  *last = co_await responder.start(200, headers, "");
  for (int i = 0; i < 100 && last->has_value(); ++i) {
    *last = co_await responder.write(piece);
    if (last->has_value()) *written += piece.size();
  }
  if (last->has_value()) *last = co_await responder.finish();
}

Awaitable<void> read_slowly(Rig& rig, std::size_t& written) {
  HttpCall request = ask("GET", "/flood", "");
  const CallLimits limits;
  auto exchange = co_await rig.client.send(rig.endpoint, request, limits, nullptr);
  EXPECT_TRUE(exchange.has_value());
  co_await pause_ms(10);
  const std::size_t held = written;
  EXPECT_LT(held, 1'000'000U) << "the handler waits for its reader";
  // Others are not held up.
  EXPECT_EQ((co_await call(rig, ask("POST", "/x", "b"))).body, "POST /x? b");
  auto all = co_await (*exchange)->read_all(64U << 20);
  EXPECT_EQ(all.value().size(), 5'000'000U);
}

TEST(Http2, HoldsAHandlerBackUntilItsReaderReads) {
  Rig2 rig;
  std::size_t written = 0;
  Status last;
  rig.handler = [&](HttpRequest& request, Responder& responder) { return flood(&written, &last, request, responder); };
  rig.serve();
  run(rig.context, read_slowly(rig, written));
  EXPECT_TRUE(last.has_value());
  EXPECT_EQ(rig.network.connections_made(), 1U);
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
}

Awaitable<ErrorKind> never_read(Rig& rig, Status& last) {
  HttpCall request = ask("GET", "/flood", "");
  const CallLimits limits;
  auto exchange = co_await rig.client.send(rig.endpoint, request, limits, nullptr);
  while (last.has_value()) co_await pause_ms(1);
  EXPECT_EQ((co_await call(rig, ask("POST", "/x", "b"))).body, "POST /x? b") << "only that stream is given up";
  auto all = co_await (*exchange)->read_all(64U << 20);
  co_return all.error().kind;
}

TEST(Http2, GivesUpAReaderWhoseWindowStaysShut) {
  Rig2 rig;
  rig.limits.write_timeout = Nanoseconds::from_ms(20);
  std::size_t written = 0;
  Status last;
  rig.handler = [&](HttpRequest& request, Responder& responder) { return flood(&written, &last, request, responder); };
  rig.serve();
  EXPECT_EQ(run(rig.context, never_read(rig, last)), ErrorKind::kUpstream);
  EXPECT_EQ(last.error().kind, ErrorKind::kTimeout);
  EXPECT_EQ(rig.network.connections_made(), 1U);
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
}

// ---- going away
// ------------------------------------------------------------------------------------------------------

struct Waiting {
  bool entered = false;
  bool gone = false;
  bool release = false;
};

Awaitable<void> wait_until_gone(Waiting* waiting, HttpRequest& request, Responder& responder) {
  if (request.path != "/wait") co_return co_await echo(request, responder);
  const auto id = responder.client_gone().add([waiting] { waiting->gone = true; });
  waiting->entered = true;
  while (!waiting->gone && !waiting->release) co_await pause_ms(1);
  responder.client_gone().remove(id);
  Headers headers;
  static_cast<void>(co_await responder.send(200, headers, "waited"));
}

Awaitable<void> cancel_when(bool* flag, Cancellation* cancellation) {
  co_await until_true(*flag);
  cancellation->cancel();
}

TEST(Http2, ACancelledCallResetsItsStreamAndNothingElse) {
  Rig2 rig;
  Waiting waiting;
  rig.handler = [&](HttpRequest& request, Responder& responder) {
    return wait_until_gone(&waiting, request, responder);
  };
  rig.serve();
  Cancellation cancellation;
  asio::co_spawn(rig.context, cancel_when(&waiting.entered, &cancellation), asio::detached);
  const Got got = run(rig.context, call(rig, ask("GET", "/wait", ""), {}, &cancellation));
  EXPECT_EQ(got.error.kind, ErrorKind::kCancelled);
  run(rig.context, until_true(waiting.gone));
  EXPECT_EQ(run(rig.context, call(rig, ask("GET", "/", ""))).body, "GET /? ");
  EXPECT_EQ(rig.network.connections_made(), 1U);
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
  EXPECT_EQ(rig.gate.inside(), 0U);
}

TEST(Http2, ALostConnectionTellsEveryHandler) {
  Rig2 rig;
  Waiting waiting;
  rig.handler = [&](HttpRequest& request, Responder& responder) {
    return wait_until_gone(&waiting, request, responder);
  };
  rig.serve();
  Got got;
  int left = 1;
  asio::co_spawn(rig.context, call_into(rig, ask("GET", "/wait", ""), &got, &left), asio::detached);
  run(rig.context, until_true(waiting.entered));
  rig.network.cut();
  run(rig.context, until_zero(left));
  run(rig.context, until_true(waiting.gone));
  EXPECT_EQ(got.error.kind, ErrorKind::kUpstream);
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
  EXPECT_EQ(rig.gate.inside(), 0U);
}

TEST(Http2, DrainsBusyConnectionsAndEndsIdleOnes) {
  Rig2 rig;
  Waiting waiting;
  rig.handler = [&](HttpRequest& request, Responder& responder) {
    return wait_until_gone(&waiting, request, responder);
  };
  rig.serve();
  Got got;
  int left = 1;
  asio::co_spawn(rig.context, call_into(rig, ask("GET", "/wait", ""), &got, &left), asio::detached);
  run(rig.context, until_true(waiting.entered));
  rig.gate.close();
  EXPECT_FALSE(run(rig.context, wait_until_empty(rig.gate, Nanoseconds::from_ms(5))));
  waiting.release = true;
  run(rig.context, until_zero(left));
  EXPECT_EQ(got.body, "waited") << got.error.message;
  EXPECT_TRUE(run(rig.context, wait_until_empty(rig.gate, Nanoseconds::from_ms(1'000))));
  EXPECT_EQ(rig.client.idle_connections(), 0U) << "the client heard it";
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
  Rig2 idle;
  idle.serve();
  EXPECT_EQ(run(idle.context, call(idle, ask("GET", "/", ""))).status, 200);
  idle.gate.close();
  EXPECT_TRUE(run(idle.context, wait_until_empty(idle.gate, Nanoseconds::from_ms(1'000))));
  idle.stop();
  EXPECT_TRUE(run_dry(idle.context));
}

TEST(Http2, CutsEverythingWhenThePatienceEnds) {
  Rig2 rig;
  Waiting waiting;
  rig.handler = [&](HttpRequest& request, Responder& responder) {
    return wait_until_gone(&waiting, request, responder);
  };
  rig.serve();
  Got got;
  int left = 1;
  asio::co_spawn(rig.context, call_into(rig, ask("GET", "/wait", ""), &got, &left), asio::detached);
  run(rig.context, until_true(waiting.entered));
  rig.gate.abort();
  run(rig.context, until_zero(left));
  EXPECT_TRUE(waiting.gone);
  EXPECT_TRUE(got.failed);
  rig.stop();
  EXPECT_TRUE(run_dry(rig.context));
}

TEST(Http2, MayBeTornDownInTheMiddleOfEverything) {
  Waiting waiting;
  Got got;
  int left = 1;
  const auto rig = std::make_unique<Rig2>();
  rig->handler = [&](HttpRequest& request, Responder& responder) {
    return wait_until_gone(&waiting, request, responder);
  };
  rig->serve();
  asio::co_spawn(rig->context, call_into(*rig, ask("POST", "/wait", "body"), &got, &left), asio::detached);
  run(rig->context, until_true(waiting.entered));
}

// ---- every operation fails once
// --------------------------------------------------------------------------------------

Awaitable<void> count_answers(int* handled, HttpRequest& request, Responder& responder) {
  ++*handled;
  co_await echo(request, responder);
}

TEST(Http2, EndsCleanlyWhicheverOperationFails) {
  std::uint64_t fail_at = 1;
  for (; fail_at < 1'000; ++fail_at) {
    FailCounter counter;
    counter.fail_at = fail_at;
    Rig2 rig;
    int handled = 0;
    rig.handler = [&](HttpRequest& request, Responder& responder) {
      return count_answers(&handled, request, responder);
    };
    rig.network.faults().counter = &counter;
    rig.network.faults().read_size_max = 40;
    rig.serve();
    int failures = 0;
    for (const char* path : {"/echo", "/stream", "/echo"}) {
      const Got got = run(rig.context, call(rig, ask("POST", path, "body")));
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
    EXPECT_LE(handled, 4) << fail_at;
    rig.stop();
    EXPECT_TRUE(run_dry(rig.context)) << fail_at;
    EXPECT_EQ(rig.gate.inside(), 0U) << fail_at;
    EXPECT_EQ(rig.gate.failures(), 0U) << fail_at;
    if (!counter.hit) break;
  }
  EXPECT_GT(fail_at, 20U);
  EXPECT_LT(fail_at, 1'000U);
}

TEST(Http2, NeverTakesACutAnswerForAWholeOne) {
  for (const std::string path : {"/echo", "/stream"}) {
    for (std::uint64_t bytes = 1;; ++bytes) {
      Rig2 rig;
      rig.network.faults().to_client_bytes_max = bytes;
      rig.network.faults().read_size_max = 16;
      rig.serve();
      const Got got = run(rig.context, call(rig, ask("POST", path, "body")));
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

TEST(Http2, EndsCleanlyWhereverTheRequestBreaks) {
  for (std::uint64_t bytes = 1; bytes < 150; ++bytes) {
    Rig2 rig;
    rig.network.faults().to_server_bytes_max = bytes;
    rig.serve();
    static_cast<void>(run(rig.context, call(rig, ask("POST", "/stream", "body"))));
    rig.stop();
    EXPECT_TRUE(run_dry(rig.context)) << bytes;
    EXPECT_EQ(rig.gate.inside(), 0U) << bytes;
  }
}

}  // namespace
}  // namespace thalamus::net
