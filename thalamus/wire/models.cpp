#include "thalamus/wire/models.h"

#include "thalamus/base/json_writer.h"

namespace thalamus::wire {
namespace {

void write_model(base::JsonWriter& writer, const ModelEntry& model) {
  writer.begin_object()
      .field("id", model.name)
      .field("object", "model")
      .field("created", model.created_unix_s)
      .field("owned_by", model.owner)
      .end_object();
}

}  // namespace

std::string encode_models(std::span<const ModelEntry> models) {
  base::JsonWriter writer;
  writer.begin_object().field("object", "list").key("data").begin_array();
  for (const ModelEntry& model : models) write_model(writer, model);
  writer.end_array().end_object();
  return writer.take();
}

std::string encode_model(const ModelEntry& model) {
  base::JsonWriter writer;
  write_model(writer, model);
  return writer.take();
}

}  // namespace thalamus::wire
