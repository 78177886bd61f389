#include "thalamus/dispatch/failure.h"

#include <algorithm>
#include <array>

#include "thalamus/base/text.h"
#include "thalamus/dispatch/retry_after.h"

namespace thalamus::dispatch {
namespace {

struct Word {
  std::string_view text;
  FailureClass failure;
};

// Error codes first: they are finer than types. Compared whole, case as the providers write it.
constexpr std::array kCodes{
    Word{"context_length_exceeded", FailureClass::kContextOverflow},
    Word{"string_above_max_length", FailureClass::kContextOverflow},
    Word{"max_tokens_exceeded", FailureClass::kContextOverflow},
    Word{"request_too_large", FailureClass::kContextOverflow},
    Word{"content_filter", FailureClass::kContentFiltered},
    Word{"content_policy_violation", FailureClass::kContentFiltered},
    Word{"responsible_ai_policy_violation", FailureClass::kContentFiltered},
    Word{"invalid_prompt", FailureClass::kContentFiltered},
    Word{"insufficient_quota", FailureClass::kKeyDead},
    Word{"billing_hard_limit_reached", FailureClass::kKeyDead},
    Word{"billing_not_active", FailureClass::kKeyDead},
    Word{"account_deactivated", FailureClass::kKeyDead},
    Word{"invalid_api_key", FailureClass::kKeyDead},
    Word{"rate_limit_exceeded", FailureClass::kRateLimited},
    Word{"slow_down", FailureClass::kOverloaded},
    Word{"server_error", FailureClass::kTransient},
    Word{"model_not_found", FailureClass::kNotThere},
    Word{"deployment_not_found", FailureClass::kNotThere},
    Word{"DeploymentNotFound", FailureClass::kNotThere},
};

constexpr std::array kTypes{
    Word{"overloaded_error", FailureClass::kOverloaded},
    Word{"rate_limit_error", FailureClass::kRateLimited},
    Word{"tokens", FailureClass::kRateLimited},  // OpenAI's 429 names what ran out
    Word{"requests", FailureClass::kRateLimited},
    Word{"insufficient_quota", FailureClass::kKeyDead},
    Word{"authentication_error", FailureClass::kKeyDead},
    Word{"permission_error", FailureClass::kKeyDead},
    Word{"billing_error", FailureClass::kKeyDead},
    Word{"api_error", FailureClass::kTransient},
    Word{"server_error", FailureClass::kTransient},
    Word{"timeout_error", FailureClass::kTransient},
    Word{"request_too_large", FailureClass::kContextOverflow},
    Word{"exceed_context_size_error", FailureClass::kContextOverflow},  // llama.cpp
    Word{"not_found_error", FailureClass::kNotThere},
    Word{"invalid_request_error", FailureClass::kInvalid},
};

// Providers without codes say it in words; each is lower case and long enough not to be met by chance.
constexpr std::array<std::string_view, 8> kOverflowWords{"maximum context length",
                                                         "context length exceeded",
                                                         "context window",
                                                         "prompt is too long",
                                                         "exceeds the available context size",
                                                         "input is too long",
                                                         "too many tokens",
                                                         "exceed context limit"};

template <std::size_t n>
std::optional<FailureClass> find(const std::array<Word, n>& words, std::string_view text) noexcept {
  const auto found = std::find_if(words.begin(), words.end(), [&](const Word& word) { return word.text == text; });
  return found == words.end() ? std::nullopt : std::optional(found->failure);
}

// Both texts may be long; case is folded as it is compared, so that nothing is allocated.
bool contains_folded(std::string_view text, std::string_view lower_word) noexcept {
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b; };
  return std::search(text.begin(), text.end(), lower_word.begin(), lower_word.end(), same) != text.end();
}

bool speaks_of_context(std::string_view message) noexcept {
  return std::any_of(kOverflowWords.begin(), kOverflowWords.end(),
                     [&](std::string_view word) { return contains_folded(message, word); });
}

// 400 and 422: wrong everywhere, unless the error says that it is about this model or this provider.
FailureClass of_bad_request(const FailureFacts& facts) noexcept {
  const auto coded = find(kCodes, facts.code);
  if (coded == FailureClass::kContextOverflow || coded == FailureClass::kContentFiltered ||
      coded == FailureClass::kNotThere || coded == FailureClass::kKeyDead)
    return *coded;
  const auto typed = find(kTypes, facts.type);
  if (typed == FailureClass::kContextOverflow) return *typed;
  // Anthropic tells of an empty account with a 400 of this type.
  if (facts.type == "billing_error" || contains_folded(facts.message, "credit balance is too low"))
    return FailureClass::kKeyDead;
  return speaks_of_context(facts.message) ? FailureClass::kContextOverflow : FailureClass::kInvalid;
}

// An error inside a 200, or a status without a meaning of its own: the words decide.
FailureClass of_words(const FailureFacts& facts, FailureClass otherwise) noexcept {
  if (const auto coded = find(kCodes, facts.code)) return *coded;
  const auto typed = find(kTypes, facts.type);
  if (typed == FailureClass::kInvalid && speaks_of_context(facts.message)) return FailureClass::kContextOverflow;
  if (typed) return *typed;
  return speaks_of_context(facts.message) ? FailureClass::kContextOverflow : otherwise;
}

FailureClass of_status(const FailureFacts& facts) noexcept {
  const int status = facts.status;
  switch (status) {
    case 400:
    case 422: return of_bad_request(facts);
    case 401:
    case 402:
    case 403: {
      // A guard in front of the model answers 403 for content too; the key is as good as before.
      const auto coded = find(kCodes, facts.code);
      return coded == FailureClass::kContentFiltered ? *coded : FailureClass::kKeyDead;
    }
    case 404: return FailureClass::kNotThere;
    case 408:
    case 409:
    case 421:
    case 425: return FailureClass::kTransient;
    case 413: return FailureClass::kContextOverflow;
    case 429: {
      const auto worded = of_words(facts, FailureClass::kRateLimited);
      return worded == FailureClass::kKeyDead || worded == FailureClass::kOverloaded ? worded
                                                                                     : FailureClass::kRateLimited;
    }
    case 503:
    case 529: return FailureClass::kOverloaded;
    default: break;
  }
  if (status >= 300 && status < 400) return FailureClass::kNotThere;
  if (status >= 400 && status < 500) return FailureClass::kInvalid;
  if (status >= 500) {
    const auto worded = of_words(facts, FailureClass::kTransient);
    return worded == FailureClass::kOverloaded || worded == FailureClass::kRateLimited ? worded
                                                                                       : FailureClass::kTransient;
  }
  return of_words(facts, FailureClass::kTransient);
}

MayTry may_try_of(FailureClass failure) noexcept {
  MayTry may;
  switch (failure) {
    case FailureClass::kKeyDead: may = {.other_key = true, .next_target = true}; break;
    case FailureClass::kRateLimited: may = {.same_endpoint = true, .other_key = true, .next_target = true}; break;
    case FailureClass::kTransient:
    case FailureClass::kOverloaded: may = {.same_endpoint = true, .other_replica = true, .next_target = true}; break;
    case FailureClass::kContextOverflow: may = {.larger_context = true}; break;
    case FailureClass::kContentFiltered:
    case FailureClass::kNotThere: may = {.next_target = true}; break;
    case FailureClass::kInvalid:
    case FailureClass::kCancelled: break;
  }
  return may;
}

bool is_timeout(TransportEnd transport) noexcept {
  return transport == TransportEnd::kConnectTimeout || transport == TransportEnd::kFirstTokenTimeout ||
         transport == TransportEnd::kIdleTimeout || transport == TransportEnd::kTotalTimeout;
}

base::ErrorKind error_of(FailureClass failure, const FailureFacts& facts) noexcept {
  switch (failure) {
    case FailureClass::kRateLimited: return base::ErrorKind::kLimitExceeded;
    case FailureClass::kContextOverflow: return base::ErrorKind::kTooLarge;
    case FailureClass::kInvalid:
    case FailureClass::kContentFiltered: return base::ErrorKind::kInvalidInput;
    case FailureClass::kOverloaded: return base::ErrorKind::kUnavailable;
    case FailureClass::kCancelled: return base::ErrorKind::kCancelled;
    case FailureClass::kKeyDead:
    case FailureClass::kNotThere: return base::ErrorKind::kUpstream;
    case FailureClass::kTransient: break;
  }
  if (is_timeout(facts.transport) || facts.status == 408) return base::ErrorKind::kTimeout;
  return facts.transport == TransportEnd::kConnectFailed ? base::ErrorKind::kUnavailable : base::ErrorKind::kUpstream;
}

std::optional<Nanoseconds> stated_wait(const FailureFacts& facts) noexcept {
  if (const auto ms = parse_retry_after_ms(facts.retry_after_ms)) return ms;
  return parse_retry_after(facts.retry_after, facts.now_unix_s);
}

}  // namespace

FailureVerdict classify(const FailureFacts& facts) noexcept {
  FailureVerdict verdict;
  if (facts.transport == TransportEnd::kCancelled) {
    verdict.failure = FailureClass::kCancelled;
  } else if (facts.transport == TransportEnd::kAnswered) {
    verdict.failure = of_status(facts);
  }
  verdict.may_try = may_try_of(verdict.failure);
  verdict.error = error_of(verdict.failure, facts);
  verdict.against_replica = verdict.failure == FailureClass::kTransient || verdict.failure == FailureClass::kOverloaded;
  verdict.client_fault = verdict.failure == FailureClass::kInvalid ||
                         verdict.failure == FailureClass::kContextOverflow ||
                         verdict.failure == FailureClass::kContentFiltered;
  verdict.retry_after = stated_wait(facts);
  // The provider's own word: it knows that asking it again is in vain. Another provider did not say so.
  if (base::trim(facts.should_retry) == "false") {
    verdict.may_try.same_endpoint = false;
    if (verdict.failure == FailureClass::kTransient || verdict.failure == FailureClass::kOverloaded)
      verdict.may_try.other_replica = false;
  }
  // A call that has used up its whole time, or a certificate that does not hold, does so again at once.
  if (facts.transport == TransportEnd::kTotalTimeout || facts.transport == TransportEnd::kTlsFailed)
    verdict.may_try.same_endpoint = false;
  return verdict;
}

std::string_view label(FailureClass failure) noexcept {
  switch (failure) {
    case FailureClass::kKeyDead: return "key_dead";
    case FailureClass::kRateLimited: return "rate_limited";
    case FailureClass::kTransient: return "transient";
    case FailureClass::kOverloaded: return "overloaded";
    case FailureClass::kContextOverflow: return "context_overflow";
    case FailureClass::kInvalid: return "invalid";
    case FailureClass::kContentFiltered: return "content_filtered";
    case FailureClass::kNotThere: return "not_there";
    case FailureClass::kCancelled: return "cancelled";
  }
  return "unknown";
}

bool client_should_retry(int status) noexcept {
  return status == 408 || status == 409 || status == 429 || status >= 500;
}

}  // namespace thalamus::dispatch
