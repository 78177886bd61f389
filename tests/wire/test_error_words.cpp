#include "thalamus/wire/error_words.h"

#include <gtest/gtest.h>

namespace thalamus::wire {
namespace {

TEST(ErrorWords, OfEachProtocol) {
  const auto openai = read_error_words(
      R"({"error":{"message":"m","type":"invalid_request_error","param":null,"code":"context_length_exceeded"}})");
  EXPECT_EQ(openai.type, "invalid_request_error");
  EXPECT_EQ(openai.code, "context_length_exceeded");
  const auto anthropic =
      read_error_words(R"({"type":"error","error":{"type":"overloaded_error","message":"m"},"request_id":"r"})");
  EXPECT_EQ(anthropic.type, "overloaded_error");
  EXPECT_EQ(anthropic.code, "");
  EXPECT_EQ(read_error_words(R"({"error":{"code":429,"type":null}})").code, "429");
}

TEST(ErrorWords, OfAnythingElseAreEmpty) {
  for (const std::string& body :
       {std::string(), std::string("<html>"), std::string("[1]"), std::string(R"({"error":"plain"})"),
        std::string(R"({"error":{"type":")") + std::string(100, 'x') + "\"}}",
        std::string(R"({"error":{"code":null}})")}) {
    EXPECT_EQ(read_error_words(body).type, "") << body;
    EXPECT_EQ(read_error_words(body).code, "") << body;
  }
}

}  // namespace
}  // namespace thalamus::wire
