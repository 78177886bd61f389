// The registered instance of Anthropic's messages, and the small bodies beside them.
#include "thalamus/wire/anthropic.h"

#include <fmt/format.h>

#include <chrono>

#include "thalamus/base/json_writer.h"
#include "thalamus/wire/anthropic_format.h"

namespace thalamus::wire {

const Format& anthropic_format() noexcept;

const Format& anthropic_format() noexcept {
  static const Anthropic format;
  return format;
}

namespace {

/// RFC 3339, in UTC; a time that has no four-digit year counts as unknown.
std::string rfc3339(std::int64_t unix_s) {
  constexpr std::int64_t kEndOf9999 = 253402300799;
  if (unix_s < 0 || unix_s > kEndOf9999) unix_s = 0;
  const std::chrono::sys_seconds moment{std::chrono::seconds(unix_s)};
  const auto day = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(moment - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), time.hours().count(),
                     time.minutes().count(), time.seconds().count());
}

void write_model(base::JsonWriter& writer, const ModelEntry& model) {
  writer.begin_object().field("type", "model").field("id", model.name).field("display_name", model.name);
  writer.field("created_at", rfc3339(model.created_unix_s)).end_object();
}

void write_id(base::JsonWriter& writer, std::string_view key, const ModelEntry* model) {
  writer.key(key);
  if (model == nullptr) {
    writer.null();
  } else {
    writer.value(model->name);
  }
}

}  // namespace

std::string encode_anthropic_models(std::span<const ModelEntry> models, bool has_more) {
  base::JsonWriter writer;
  writer.begin_object().key("data").begin_array();
  for (const ModelEntry& model : models) write_model(writer, model);
  writer.end_array().field("has_more", has_more);
  write_id(writer, "first_id", models.empty() ? nullptr : &models.front());
  write_id(writer, "last_id", models.empty() ? nullptr : &models.back());
  writer.end_object();
  return writer.take();
}

std::string encode_anthropic_model(const ModelEntry& model) {
  base::JsonWriter writer;
  write_model(writer, model);
  return writer.take();
}

std::string encode_count_tokens(std::uint64_t input_tokens) {
  base::JsonWriter writer;
  writer.begin_object().field("input_tokens", input_tokens).end_object();
  return writer.take();
}

}  // namespace thalamus::wire
