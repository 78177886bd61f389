// One call at a time: nothing is lost, nothing interleaves, and what can go on goes on at once.
#include "thalamus/wire/call_order.h"

#include <gtest/gtest.h>

#include "random_answer.h"
#include "streams.h"

namespace thalamus::wire {
namespace {

// Writes what it is given as "begin 0;", "args 0 TEXT;", "text TEXT;".
class Recorder final : public StreamWriter {
 public:
  void start(std::string& out) override { out += "start;"; }
  void write(const core::Delta& delta, std::string& out) override {
    switch (delta.kind) {
      case core::DeltaKind::kToolCall: out += "begin " + std::to_string(delta.index) + ";"; return;
      case core::DeltaKind::kArguments: out += "args " + std::to_string(delta.index) + " " + delta.text + ";"; return;
      default: out += "text " + delta.text + ";"; return;
    }
  }
  void end(const StreamEnd&, std::string& out) override { out += "end;"; }
  void fail(const base::Error&, std::string& out) override { out += "fail;"; }
};

struct Stream {
  std::unique_ptr<StreamWriter> writer = in_call_order(std::make_unique<Recorder>());
  std::string write(const core::Delta& delta) {
    std::string out;
    writer->write(delta, out);
    return out;
  }
  std::string end() {
    std::string out;
    writer->end({}, out);
    return out;
  }
};

TEST(CallOrder, WhatFollowsAWholeCallIsNotDelayed) {
  Stream stream;
  EXPECT_EQ(stream.write(call_delta(0, "a", "f")), "begin 0;");
  EXPECT_EQ(stream.write(arguments_delta(0, R"({"b":"}{\")")), R"(args 0 {"b":"}{\";)");
  EXPECT_EQ(stream.write(arguments_delta(0, "\"}")), "args 0 \"};");
  EXPECT_EQ(stream.write(call_delta(1, "b", "g")), "begin 1;");
  EXPECT_EQ(stream.write(arguments_delta(1, "{}")), "args 1 {};");
  EXPECT_EQ(stream.end(), "end;");
}

TEST(CallOrder, LaterCallsWaitUntilTheOpenOneIsWhole) {
  Stream stream;
  EXPECT_EQ(stream.write(call_delta(0, "a", "f")), "begin 0;");
  EXPECT_EQ(stream.write(call_delta(1, "b", "g")), "");
  EXPECT_EQ(stream.write(call_delta(2, "c", "h")), "");
  EXPECT_EQ(stream.write(arguments_delta(1, "{")), "");
  EXPECT_EQ(stream.write(arguments_delta(2, "{}")), "");
  EXPECT_EQ(stream.write(text_delta("hm")), "text hm;");
  EXPECT_EQ(stream.write(arguments_delta(0, "{}")), "args 0 {};begin 1;args 1 {;");
  EXPECT_EQ(stream.write(arguments_delta(1, "}")), "args 1 };begin 2;args 2 {};");
  EXPECT_EQ(stream.end(), "end;");
}

TEST(CallOrder, TheEndGivesWhatWaitsInTheOrderOfItsBegin) {
  Stream stream;
  EXPECT_EQ(stream.write(call_delta(0, "a", "f")), "begin 0;");
  EXPECT_EQ(stream.write(call_delta(1, "b", "g")), "");
  EXPECT_EQ(stream.write(arguments_delta(2, "{}")), "") << "has not begun: no client could name it";
  EXPECT_EQ(stream.write(call_delta(3, "d", "i")), "");
  EXPECT_EQ(stream.write(arguments_delta(3, "{\"x")), "");
  EXPECT_EQ(stream.end(), "begin 1;begin 3;args 3 {\"x;end;");
}

TEST(CallOrder, ArgumentsBeforeTheirCallWaitForIt) {
  Stream stream;
  EXPECT_EQ(stream.write(arguments_delta(4, "{\"a\":")), "");
  EXPECT_EQ(stream.write(call_delta(4, "a", "f")), "begin 4;args 4 {\"a\":;");
  EXPECT_EQ(stream.write(arguments_delta(4, "1}")), "args 4 1};");
  EXPECT_EQ(stream.write(arguments_delta(4, "\n")), "") << "behind the end of the object";
  EXPECT_EQ(stream.end(), "end;");
}

TEST(CallOrder, AFailureIsToldAtOnce) {
  Stream stream;
  stream.write(call_delta(0, "a", "f"));
  stream.write(call_delta(1, "b", "g"));
  std::string out;
  stream.writer->fail({}, out);
  EXPECT_EQ(out, "fail;");
}

// Any merge of the pieces of several calls gives each call's own bytes, and never two calls in turns.
TEST(CallOrder, AnyInterleavingComesOutInOrderAndWhole) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    base::Rng rng(seed);
    const std::size_t calls = 1 + rng.below(5);
    std::vector<std::string> whole(calls);
    std::vector<std::vector<core::Delta>> pieces(calls);
    for (std::uint32_t i = 0; i < calls; ++i) {
      pieces[i].push_back(call_delta(i, "id", "f"));
      whole[i] = rng.below(5) == 0 ? "" : R"({"k":[{"}":"\"{"}],"n":)" + std::to_string(rng.below(1000)) + "}";
      for (std::size_t at = 0; at < whole[i].size();) {
        const std::size_t size = 1 + rng.below(9);
        pieces[i].push_back(arguments_delta(i, whole[i].substr(at, size)));
        at += size;
      }
    }
    Stream stream;
    std::string out;
    std::vector<std::size_t> next(calls, 0);
    for (bool any = true; any;) {
      any = false;
      const std::size_t first = rng.below(calls);
      for (std::size_t k = 0; k < calls && !any; ++k) {
        const std::size_t i = (first + k) % calls;
        if (next[i] == pieces[i].size()) continue;
        out += stream.write(pieces[i][next[i]++]);
        any = true;
      }
    }
    out += stream.end();
    std::vector<std::string> got(calls);
    std::vector<std::size_t> begun;
    while (out != "end;") {
      const std::string event = out.substr(0, out.find(';'));
      out.erase(0, event.size() + 1);
      if (event.starts_with("begin ")) {
        begun.push_back(std::stoul(event.substr(6)));
        continue;
      }
      ASSERT_TRUE(event.starts_with("args ")) << event;
      ASSERT_FALSE(begun.empty());
      ASSERT_EQ(std::stoul(event.substr(5)), begun.back()) << "the pieces of another call";
      got[begun.back()] += event.substr(event.find(' ', 5) + 1);
    }
    EXPECT_EQ(begun.size(), calls);
    EXPECT_EQ(got, whole);
  }
}

}  // namespace
}  // namespace thalamus::wire
