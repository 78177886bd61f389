// What a store of responses cuts out of bodies and splices into them: every other byte stays.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "thalamus/wire/format.h"
#include "thalamus/wire/openai_responses_history.h"

namespace thalamus::wire {
namespace {

using nlohmann::json;

TEST(ResponsesHistory, ReadsWhatARequestWantsOfTheStore) {
  EXPECT_TRUE(read_store_wish(R"({"model":"m","input":"hi"})").store) << "as OpenAI's own default";
  EXPECT_FALSE(read_store_wish(R"({"store":false})").store);
  EXPECT_TRUE(read_store_wish(R"({"input":"hi"})").text_input);
  EXPECT_FALSE(read_store_wish(R"({"input":[]})").text_input);
  EXPECT_TRUE(read_store_wish(R"({"store":null})").store);
  EXPECT_EQ(read_store_wish(R"({"a":[1,{"previous_response_id":"no"}],"previous_response_id":"resp_1"})").previous,
            "resp_1");
  for (const char* body : {"", "[", R"({"previous_response_id":"x")", "nonsense"}) {
    EXPECT_EQ(read_store_wish(body).previous, "") << body;
    EXPECT_FALSE(read_store_wish(body).store && *body != '\0' && *body != '[') << body;
  }
}

TEST(ResponsesHistory, ItemsAreCutOutAsTheyAreSpelt) {
  EXPECT_EQ(input_items(R"({"input": "say \u0041" })").value(), R"({"role":"user","content":"say \u0041"})");
  EXPECT_EQ(input_items(R"({"input":[ {"a": 1e400} , {"b":2} ]})").value(), R"({"a": 1e400} , {"b":2})");
  EXPECT_EQ(input_items(R"({"input":[ ]})").value(), "");
  EXPECT_EQ(input_items(R"({"x":1})").value(), "");
  EXPECT_FALSE(input_items("{").has_value());
}

TEST(ResponsesHistory, TheHistoryStandsBeforeTheInputAndTheNameIsGone) {
  const std::string body =
      R"({ "big": 123456789012345678901234567890, "previous_response_id" : "resp_1" , "input":"and now?","x":1.50})";
  EXPECT_EQ(with_history(body, R"({"role":"user","content":"hi"})").value(),
            R"({ "big": 123456789012345678901234567890,  "input":[{"role":"user","content":"hi"},)"
            R"({"role":"user","content":"and now?"}],"store":false,"x":1.50})");
  EXPECT_EQ(with_history(R"({"input":[{"b":2}],"previous_response_id":"r"})", R"({"a":1})").value(),
            R"({"input":[{"a":1},{"b":2}],"store":false})");
  EXPECT_EQ(with_history(R"({"previous_response_id":"r"})", R"({"a":1})").value(), "{}") << "its decoder says why not";
}

TEST(ResponsesHistory, ItsProviderStoresNothingThatIsKeptHere) {
  EXPECT_EQ(with_history(R"({"store": true,"previous_response_id":"r","input":[{"b":2}]})", R"({"a":1})").value(),
            R"({"store": false,"input":[{"a":1},{"b":2}]})");
  EXPECT_EQ(with_history(R"({"input":"q","store":null,"previous_response_id":"r"})", R"({"a":1})").value(),
            R"({"input":[{"a":1},{"role":"user","content":"q"}],"store":false})");
  const std::string sealed = R"({"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"e"})";
  EXPECT_NE(with_history(R"({"input":"q"})", sealed)->find(R"("store":false)"), std::string::npos);
}

TEST(ResponsesHistory, ItsProviderGoesOnStoringWhatOnlyItCanGiveBack) {
  for (const char* item : {R"({"type":"reasoning","id":"rs_1","summary":[]})", R"({"type":"item_reference","id":"x"})",
                           R"({"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":null})"}) {
    const auto body = with_history(R"({"input":"q","previous_response_id":"r"})", item);
    ASSERT_TRUE(body) << item;
    EXPECT_EQ(body->find("store"), std::string::npos) << *body;
  }
}

TEST(ResponsesHistory, AnAnswerSaysWhatItWentOnFrom) {
  const Continuation facts{.previous = "resp_\"1"};
  EXPECT_EQ(continued(R"({ "id":"r", "previous_response_id" : null, "store":false,"x":1e400 })", facts),
            R"({ "id":"r", "previous_response_id" : "resp_\"1", "store":true,"x":1e400 })");
  EXPECT_EQ(continued(R"({"id":"r"})", {.previous = "p", .stored = false}), R"({"previous_response_id":"p","id":"r"})");
  EXPECT_EQ(continued(R"({"store":false})", {.previous = "p", .stored = false}),
            R"({"previous_response_id":"p","store":false})");
  EXPECT_EQ(continued("{}", {.previous = "p"}), R"({"previous_response_id":"p"})");
  for (const char* other : {"", "[]", "{", R"({"id":"r"} x)"}) EXPECT_EQ(continued(other, facts), other);
}

TEST(ResponsesHistory, SoDoTheEventsThatHoldIt) {
  const Continuation facts{.previous = "p"};
  EXPECT_EQ(
      continued_event(R"({"type":"response.created","response":{"id":"r","previous_response_id":null},"n":0})", facts),
      R"({"type":"response.created","response":{"id":"r","previous_response_id":"p"},"n":0})");
  for (const char* other : {R"({"type":"response.output_text.delta","delta":"x"})", "[DONE]", "",
                            R"({"response":null})", R"({"response":{"id":)"})
    EXPECT_EQ(continued_event(other, facts), other);
}

TEST(ResponsesHistory, LossesAreToldAtThePlacesOfTheRequestItself) {
  const std::string losses =
      R"("input[1].content[0]";reason="a", "input[2]";reason="b", "input[4].arguments";reason="c", "stop";reason="d")";
  EXPECT_EQ(own_places(losses, {.previous = "p", .history = 2}),
            R"("previous_response_id";reason="a", "input[0]";reason="b", "input[2].arguments";reason="c", )"
            R"("stop";reason="d")");
  EXPECT_EQ(own_places(R"("input[2].content[0]";reason="b")", {.previous = "p", .history = 2, .text_input = true}),
            R"("input";reason="b")");
  EXPECT_EQ(count_items(R"({"a":[1,2]},{"b":","} , {})"), 3U);
  EXPECT_EQ(count_items(""), 0U);
}

TEST(ResponsesHistory, ReadsWhatAnAnswerAdds) {
  const auto output = output_items(R"({"id":"resp_9","status":"completed","output":[{"t":1},{"t":2}],"usage":{}})");
  ASSERT_TRUE(output.has_value());
  EXPECT_EQ(output->id, "resp_9");
  EXPECT_EQ(output->items, R"({"t":1},{"t":2})");
  EXPECT_TRUE(output->whole);
  EXPECT_FALSE(output_items(R"({"id":"r","status":"failed","output":[]})")->whole);
  for (const char* body : {"", "{}", "[]", R"({"id":"r")", R"({"id":1,"output":[]})"})
    EXPECT_FALSE(output_items(body).has_value()) << body;
}

TEST(ResponsesHistory, OnlyTheLastEventHasTheResponse) {
  EXPECT_EQ(final_response(R"({"type":"response.completed","response":{"id":"r"}})"), R"({"id":"r"})");
  EXPECT_EQ(final_response(R"({"response":{"id":"r"},"type":"response.incomplete"})"), R"({"id":"r"})");
  for (const char* data : {R"({"type":"response.created","response":{"id":"r"}})", R"({"type":"response.failed"})", "",
                           "[DONE]", R"({"type":"response.completed","response":{)"})
    EXPECT_EQ(final_response(data), "") << data;
}

// What we answer with can be sent back as input.
TEST(ResponsesHistory, AnAnswersItemsAreReadAsInput) {
  const Format& format = *find_format("responses");
  core::Answer answer;
  answer.id = "1";
  answer.text = "It is \"fine\".";
  answer.tool_calls = {{"c1", "look", R"({"q":"x"})"}};
  answer.finish = core::Finish::kToolCalls;
  const auto output = output_items(format.encode_answer(answer));
  ASSERT_TRUE(output.has_value());
  const std::string asked = R"({"model":"m","previous_response_id":"resp_1",)"
                            R"("input":[{"type":"function_call_output","call_id":"c1","output":"y"}]})";
  const std::string body = with_history(asked, R"({"role":"user","content":"go"},)" + output->items).value();
  const auto request = format.decode(body, {});
  ASSERT_TRUE(request.has_value()) << request.error().text();
  ASSERT_EQ(request->messages.size(), 3U);
  EXPECT_EQ(request->messages[1].parts[0].text, "It is \"fine\".");
  ASSERT_EQ(request->messages[1].tool_calls.size(), 1U);
  EXPECT_EQ(request->messages[1].tool_calls[0].id, "c1");
  EXPECT_EQ(request->messages[2].tool_call_id, "c1");
}

}  // namespace
}  // namespace thalamus::wire
