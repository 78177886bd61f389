#include "thalamus/gateway/list_models.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "thalamus/base/text.h"
#include "thalamus/gateway/decision.h"
#include "thalamus/gateway/error_answer.h"
#include "thalamus/wire/anthropic.h"
#include "thalamus/wire/models.h"

namespace thalamus::gateway {
namespace {

constexpr std::size_t kShownMax = 80;  // of a client's words
constexpr std::size_t kPageMax = 1000;

/// Clients encode the slash of a name. What is no escape stays.
std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    const bool escape = text[i] == '%' && i + 2 < text.size() &&
                        std::from_chars(text.data() + i + 1, text.data() + i + 3, byte, 16).ptr == text.data() + i + 3;
    out.push_back(escape ? static_cast<char>(byte) : text[i]);
    if (escape) i += 2;
  }
  return out;
}

std::optional<std::string> query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.substr(0, pair.find('=')) != name) continue;
    return pair.size() > name.size() ? percent_decoded(pair.substr(name.size() + 1)) : std::string();
  }
  return {};
}

wire::ModelEntry entry_of(const RouteRuntime& route) {
  return {route.name, route.created_unix_s, route.listed ? "thalamus" : "thalamus-target"};
}

std::vector<wire::ModelEntry> allowed_models(const Runtime& runtime, const VirtualKey* key) {
  std::vector<wire::ModelEntry> out;
  for (const auto& route : runtime.routes())
    if (key_allows(runtime.config(), key, *route)) out.push_back(entry_of(*route));
  return out;
}

/// Where `name` stands, for a page that begins behind it or ends before it.
Result<std::size_t> place_of(std::span<const wire::ModelEntry> models, std::string_view parameter,
                             const std::string& name) {
  for (std::size_t i = 0; i < models.size(); ++i)
    if (models[i].name == name) return i;
  return fail_at(fmt::format("query.{}", parameter), ErrorKind::kInvalidInput,
                 "'{}' is in no list of models; give a `first_id` or `last_id` of an earlier page",
                 name.substr(0, kShownMax));
}

/// All of them where no `limit` is given: a list that is cut without being asked for hides models.
Result<std::string> anthropic_page(std::span<const wire::ModelEntry> models, std::string_view query) {
  std::size_t first = 0;
  std::size_t last = models.size();  // exclusive
  std::size_t limit = kPageMax;
  if (const auto text = query_value(query, "limit")) {
    const auto number = base::parse_number<std::size_t>(*text);
    if (!number || *number < 1 || *number > kPageMax)
      return fail_at("query.limit", ErrorKind::kInvalidInput, "'{}' is no number of models from 1 to {}",
                     text->substr(0, kShownMax), kPageMax);
    limit = *number;
  }
  const auto after = query_value(query, "after_id");
  const auto before = query_value(query, "before_id");
  if (after) {
    TRY(first, place_of(models, "after_id", *after));
    ++first;
  }
  if (before) {
    TRY(last, place_of(models, "before_id", *before));
  }
  const std::size_t found = last > first ? last - first : 0;
  const std::size_t shown = std::min(found, limit);
  if (before && !after) first = last - shown;  // the page that ends there
  return wire::encode_anthropic_models(models.subspan(first, shown), found > shown);
}

Error unknown_model(const Runtime& runtime, const VirtualKey* key, const std::string& name) {
  // What a key may not use is not named to it.
  const std::string near = key == nullptr ? runtime.suggest(name) : std::string();
  return {ErrorKind::kNotFound,
          fmt::format("the model '{}' does not exist{}; GET /v1/models lists them", name.substr(0, kShownMax), near),
          "path.model"};
}

Result<std::string> models_body(const Runtime& runtime, const base::Clock& clock, const net::HttpRequest& request,
                                bool anthropic) {
  constexpr std::string_view kOne = "/v1/models/";
  TRY(const VirtualKey* key, check_key(runtime.config(), request.headers, clock));
  if (!request.path.starts_with(kOne)) {
    const std::vector<wire::ModelEntry> models = allowed_models(runtime, key);
    if (anthropic) return anthropic_page(models, request.query);
    return wire::encode_models(models);
  }
  const std::string name = percent_decoded(std::string_view(request.path).substr(kOne.size()));
  const RouteRuntime* route = runtime.find_route(name);
  if (route == nullptr || !key_allows(runtime.config(), key, *route))
    return std::unexpected(unknown_model(runtime, key, name));
  const wire::ModelEntry entry = entry_of(*route);
  return anthropic ? wire::encode_anthropic_model(entry) : wire::encode_model(entry);
}

}  // namespace

net::Awaitable<void> run_models(const Runtime& runtime, const base::Clock& clock, const net::HttpRequest& request,
                                net::Responder& responder, std::string id) {
  const bool anthropic = request.headers.get("anthropic-version").has_value();
  const Result<std::string> body = models_body(runtime, clock, request, anthropic);
  if (!body) {
    const wire::Format& format = *wire::find_format(anthropic ? "anthropic" : "openai");
    co_await answer_error(responder, format, body.error(), std::move(id));
    co_return;
  }
  net::Headers headers;
  headers.add("content-type", "application/json");
  Status sent = co_await responder.send(200, headers, *body);
  static_cast<void>(sent);
}

}  // namespace thalamus::gateway
