#include "thalamus/wire/openai_chat_logprobs.h"

#include "thalamus/wire/json_take.h"

namespace thalamus::wire {
namespace {

void write_token(base::JsonWriter& writer, std::string_view token, double logprob) {
  writer.field("token", token).field("logprob", logprob).key("bytes").begin_array();
  for (const char byte : token) writer.value(static_cast<int>(static_cast<unsigned char>(byte)));
  writer.end_array();
}

}  // namespace

void write_logprob(base::JsonWriter& writer, const core::TokenLogprob& logprob) {
  writer.begin_object();
  write_token(writer, logprob.token, logprob.logprob);
  writer.key("top_logprobs").begin_array();
  for (const auto& [token, value] : logprob.top) {
    writer.begin_object();
    write_token(writer, token, value);
    writer.end_object();
  }
  writer.end_array().end_object();
}

bool take_logprob(JsonCursor& cursor, core::TokenLogprob& out) {
  return each_member(cursor, [&](std::string_view key) {
    if (key == "token") return take_text(cursor, out.token);
    if (key == "logprob") return take_real(cursor, out.logprob);
    if (key != "top_logprobs") return cursor.skip();
    return each_element(cursor, [&](std::size_t) {
      auto& [token, value] = out.top.emplace_back();
      return each_member(cursor, [&](std::string_view name) {
        if (name == "token") return take_text(cursor, token);
        return name == "logprob" ? take_real(cursor, value) : cursor.skip();
      });
    });
  });
}

}  // namespace thalamus::wire
