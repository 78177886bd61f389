// Log-probabilities between OpenAI's two protocols: a client of one, a provider of the other, whole answers and
// streams.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "thalamus/wire/format.h"
#include "thalamus/wire/translate.h"

namespace thalamus::wire {
namespace {

using nlohmann::json;

const Format& chat() { return *find_format("openai"); }
const Format& responses() { return *find_format("responses"); }

const json kTokens = json::parse(R"([
  {"token":"Hé","logprob":-0.25,"bytes":[72,195,169],"top_logprobs":[
    {"token":"Hé","logprob":-0.25,"bytes":[72,195,169]},{"token":"A","logprob":-2.5,"bytes":[65]}]},
  {"token":"y","logprob":-1.5,"bytes":[121],"top_logprobs":[]}])");

json chat_answer() {
  return {{"id", "chatcmpl-1"},
          {"object", "chat.completion"},
          {"created", 5},
          {"model", "m"},
          {"choices",
           {{{"index", 0},
             {"message", {{"role", "assistant"}, {"content", "Héy"}}},
             {"logprobs", {{"content", kTokens}, {"refusal", nullptr}}},
             {"finish_reason", "stop"}}}}};
}

json responses_answer() {
  return {{"id", "resp_1"},
          {"object", "response"},
          {"created_at", 5},
          {"model", "m"},
          {"status", "completed"},
          {"output",
           {{{"type", "message"},
             {"id", "msg_1"},
             {"role", "assistant"},
             {"status", "completed"},
             {"content",
              {{{"type", "output_text"}, {"text", "Héy"}, {"annotations", json::array()}, {"logprobs", kTokens}}}}}}}};
}

TEST(LogprobsTranslate, AreAskedForInTheOtherProtocolsWords) {
  Losses losses;
  const std::string body = R"({"model":"m","input":"q","include":["message.output_text.logprobs"],"top_logprobs":2})";
  const auto request = responses().decode(body, {});
  ASSERT_TRUE(request);
  const std::string there = translate(responses(), body, *request, chat(), "up", losses);
  EXPECT_EQ(json::parse(there)["logprobs"], true);
  EXPECT_EQ(json::parse(there)["top_logprobs"], 2);
  const auto again = chat().decode(there, {});
  ASSERT_TRUE(again);
  const json back = json::parse(translate(chat(), there, *again, responses(), "up", losses));
  EXPECT_EQ(back["include"], json::parse(R"(["message.output_text.logprobs"])"));
  EXPECT_EQ(back["top_logprobs"], 2);
  EXPECT_TRUE(losses.empty());
}

TEST(LogprobsTranslate, OfAnAnswerGoBothWays) {
  const auto from_chat = chat().read_answer(chat_answer().dump());
  ASSERT_TRUE(from_chat);
  EXPECT_EQ(json::parse(responses().encode_answer(from_chat->answer))["output"][0]["content"][0]["logprobs"], kTokens);
  const auto from_responses = responses().read_answer(responses_answer().dump());
  ASSERT_TRUE(from_responses);
  const json answer = json::parse(chat().encode_answer(from_responses->answer));
  EXPECT_EQ(answer["choices"][0]["logprobs"]["content"], kTokens);
}

SseEvent frame(const json& data) {
  SseEvent event;
  event.data = data.dump();
  return event;
}

/// The data of each event of a stream that `to` writes of what `from` reads in the frames.
std::vector<json> retold(const Format& from, const Format& to, const std::vector<SseEvent>& frames) {
  const auto reader = from.read_stream();
  const auto writer = to.write_stream({.id = "1", .created_unix_s = 5, .model = "m"});
  std::string out;
  writer->start(out);
  for (const SseEvent& frame : frames) {
    std::vector<core::Delta> deltas;
    EXPECT_TRUE(reader->read(frame, &deltas));
    for (const core::Delta& delta : deltas) writer->write(delta, out);
  }
  writer->end({}, out);
  std::vector<json> events;
  SseReader sse;
  EXPECT_TRUE(sse.feed(out));
  for (SseEvent event; sse.next(event);)
    if (event.data != "[DONE]") events.push_back(json::parse(event.data));
  return events;
}

TEST(LogprobsTranslate, OfAStreamOfChunksBecomeThoseOfEvents) {
  const json chunk = {
      {"object", "chat.completion.chunk"},
      {"choices", {{{"index", 0}, {"delta", {{"content", "Héy"}}}, {"logprobs", {{"content", kTokens}}}}}}};
  json told = json::array();
  json done;
  for (const json& event : retold(chat(), responses(), {frame(chunk)})) {
    if (event["type"] == "response.output_text.delta")
      for (const json& token : event["logprobs"]) told.push_back(token);
    if (event["type"] == "response.output_text.done") done = event["logprobs"];
    if (event["type"] == "response.completed") {
      EXPECT_EQ(event["response"]["output"][0]["content"][0]["logprobs"], kTokens);
    }
  }
  EXPECT_EQ(told, kTokens);
  EXPECT_EQ(done, kTokens);
}

TEST(LogprobsTranslate, OfAStreamOfEventsBecomeThoseOfChunks) {
  const auto content_of = [](const std::vector<json>& chunks, std::string& text) {
    json told = json::array();
    for (const json& chunk : chunks) {
      const json& choice = chunk["choices"][0];
      text += choice["delta"].value("content", "");
      if (!choice["logprobs"].is_null()) told.push_back(choice["logprobs"]["content"][0]);
    }
    return told;
  };
  const json delta = {{"type", "response.output_text.delta"},
                      {"item_id", "msg_1"},
                      {"output_index", 0},
                      {"content_index", 0},
                      {"delta", "Héy"},
                      {"logprobs", kTokens}};
  std::string text;
  EXPECT_EQ(content_of(retold(responses(), chat(), {frame(delta)}), text), kTokens);
  EXPECT_EQ(text, "Héy") << "the text is said once";
  const json completed = {{"type", "response.completed"}, {"response", responses_answer()}};
  text.clear();
  EXPECT_EQ(content_of(retold(responses(), chat(), {frame(completed)}), text), kTokens);
  EXPECT_EQ(text, "Héy");
}

}  // namespace
}  // namespace thalamus::wire
