/// The grammar of a streamed response, as official clients hold it: what a stream breaks is told in words.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "streams.h"

namespace thalamus::wire {

/// Follows a stream event by event and rebuilds the response object from its pieces.
class ResponseEvents {
 public:
  /// Empty where every rule holds; else the first that does not.
  std::string check(std::string_view stream) {
    for (const SseEvent& event : events_of(stream)) {
      const nlohmann::json data = nlohmann::json::parse(event.data, nullptr, false);
      if (!data.is_object()) return "no JSON object: " + event.data;
      if (event.event != data.value("type", "")) return "the event's name is not its type: " + event.raw;
      if (data.value("sequence_number", -1) != number_++) return "numbers do not count up: " + event.data;
      if (ended_) return "an event after the end: " + event.data;
      std::string problem = follow(event.event, data);
      if (!problem.empty()) return problem + ": " + event.data;
    }
    return ended_ ? "" : "no end";
  }

  /// The last whole response object.
  const nlohmann::json& response() const noexcept { return response_; }

 private:
  using Json = nlohmann::json;

  std::string follow(const std::string& type, const Json& data) {
    if (number_ == 1 && type != "response.created") return "it does not begin with response.created";
    if (type == "response.created" || type == "response.in_progress") return begin(data["response"]);
    if (type == "error") {
      failed_ = data.contains("message") && data["error"].contains("message");
      return failed_ ? "" : "an error without a message";
    }
    if (type == "response.completed" || type == "response.incomplete" || type == "response.failed")
      return finish(type, data["response"]);
    if (!data.contains("output_index")) return "no output_index";
    const std::size_t index = data["output_index"];
    if (type == "response.output_item.added") {
      if (index != items_.size()) return "items are not numbered as they come";
      for (const Json& other : items_)
        if (other["id"] == data["item"]["id"]) return "an identifier twice";
      items_.push_back(data["item"]);
      done_.push_back(false);
      return data["item"].value("status", "in_progress") == "in_progress" ? "" : "an item that begins as finished";
    }
    if (index >= items_.size()) return "an item that has not begun";
    if (done_[index]) return "an item that is done";
    if (type == "response.output_item.done") {
      done_[index] = true;
      if (data["item"].value("status", "completed") == "in_progress") return "an item that is done but in progress";
      Json rebuilt = items_[index];
      if (rebuilt.contains("status")) rebuilt["status"] = data["item"]["status"];
      if (data["item"].contains("encrypted_content")) rebuilt["encrypted_content"] = data["item"]["encrypted_content"];
      items_[index] = data["item"];
      return rebuilt == data["item"] ? "" : "an item that is not the sum of its pieces, which is " + rebuilt.dump();
    }
    if (data["item_id"] != items_[index]["id"]) return "item_id is another item's";
    return piece(type, data, items_[index]);
  }

  std::string begin(const Json& response) {
    if (response["status"] != "in_progress" || !response["output"].empty()) return "it begins as if it were over";
    if (response_.is_object() && response_["id"] != response["id"]) return "another response";
    response_ = response;
    return "";
  }

  std::string finish(const std::string& type, const Json& response) {
    ended_ = true;
    if (response["id"] != response_["id"]) return "another response at the end";
    response_ = response;
    if ("response." + response.value("status", "") != type) return "the status is not the event's";
    if (type == "response.failed") return failed_ && response["error"].is_object() ? "" : "a failure without an error";
    if (Json(items_) != response["output"]) return "the output is not the sum of its items";
    for (const bool done : done_)
      if (!done) return "an item without its end";
    const bool incomplete = type == "response.incomplete";
    return incomplete == response["incomplete_details"].is_object() ? "" : "incomplete_details do not fit the status";
  }

  std::string piece(const std::string& type, const Json& data, Json& item) {
    if (type.starts_with("response.function_call_arguments")) {
      if (item["type"] != "function_call") return "arguments of no call";
      if (type.ends_with(".done")) return data["arguments"] == item["arguments"] ? "" : "other arguments at the end";
      item["arguments"] = item["arguments"].get<std::string>() + data["delta"].get<std::string>();
      return data["delta"].get<std::string>().empty() ? "an empty piece" : "";
    }
    const bool summary = type.starts_with("response.reasoning_summary");
    if (summary != (item["type"] == "reasoning")) return "a piece of another kind of item";
    Json& parts = item[summary ? "summary" : "content"];
    const std::size_t at = data[summary ? "summary_index" : "content_index"];
    if (type.ends_with("_part.added")) {
      if (at != parts.size()) return "parts are not numbered as they come";
      parts.push_back(data["part"]);
      return "";
    }
    if (at + 1 != parts.size()) return "a part that is not the open one";
    Json& part = parts[at];
    if (type.ends_with("_part.done")) return data["part"] == part ? "" : "a part that is not the sum of its pieces";
    const std::string member = type.starts_with("response.refusal") ? "refusal" : "text";
    if (!part.contains(member)) return "a piece of another kind of part";
    if (type.starts_with("response.output_text") && !data["logprobs"].is_array()) return "no logprobs";
    if (type.ends_with(".done")) return data[member] == part[member] ? "" : "another text at the end";
    if (!type.ends_with(".delta")) return "an event that is not known";
    part[member] = part[member].get<std::string>() + data["delta"].get<std::string>();
    return data["delta"].get<std::string>().empty() ? "an empty piece" : "";
  }

  std::vector<Json> items_;
  std::vector<bool> done_;
  Json response_;
  int number_ = 0;
  bool ended_ = false;
  bool failed_ = false;
};

}  // namespace thalamus::wire
