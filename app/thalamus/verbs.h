/// The verbs of `thalamus`: their arguments as plain structs, and one function each that returns the exit code. Parsing
/// is main.cpp's business alone; the work is the library's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "thalamus/base/result.h"

namespace thalamus::app {

enum class Style : std::uint8_t { kText, kJson };

/// Prints the error for the style and returns its exit code.
int report(const Error& error, Style style);

struct ServeArguments {
  std::string config;        ///< empty: the default configuration
  bool hints = false;        ///< print three commands to try
  std::string state_folder;  ///< empty: the XDG state folder
};
int serve(const ServeArguments& arguments, Style style);

struct CheckArguments {
  std::string config;
};
int check(const CheckArguments& arguments, Style style);

struct ProbeArguments {
  std::string config;
  std::string base_url;  ///< a server that runs already; empty: a gateway of our own from `config`
  std::string key;
  std::vector<std::string> targets;  ///< models or routes; empty: every model of the configuration
  std::string tasks;                 ///< the user's tasks; empty: generated ones
  std::uint64_t seed = 7;
  std::uint32_t per_cell = 10;
  std::vector<std::string> families;  ///< of generated tasks; empty: all
  std::string out;
  std::uint32_t concurrency = 1;
  double cost_max_usd = 0;
  double rate_max = 0;
  double timeout_seconds = 300;
  bool quiet = false;
};
int probe(const ProbeArguments& arguments, Style style);

struct TrainArguments {
  std::string data;
  std::string method = "auto";
  std::string options;  ///< "k=50,weighted=true"
  std::vector<std::string> features;
  std::string models;  ///< "A,B" or "@FILE"
  std::uint64_t seed = 1;
  std::string out;
  double answer_usd = 0;  ///< worth that `auto` selects for; 0: derived from the table
  double second_usd = 0;
  bool quiet = false;
};
int train(const TrainArguments& arguments, Style style);

struct EvalArguments {
  std::vector<std::string> train;
  std::string test;                  ///< empty: the protocol divides the training table
  std::string protocol;              ///< empty: given with a test table, id without
  std::vector<std::string> methods;  ///< names, "all", or "snapshot:FILE"
  std::string models;
  std::uint64_t seed = 1;
  std::uint64_t resamples = 0;  ///< 0: the library's default
  double answer_usd = 0;        ///< 0: quality decides, cost breaks ties
  double second_usd = 0;
  bool robustness = false;
  std::vector<std::string> watts;  ///< "MODEL=WATTS"
  std::string json;                ///< file to write the JSON to
  std::string html;                ///< file to write the page to
};
int eval(const EvalArguments& arguments, Style style);

struct AnnotateArguments {
  std::string items;
  std::string mixes;    ///< measured; empty: `propose` is given
  std::string propose;  ///< file for mixes to measure
  std::string options;  ///< of the method hybrid_preferences
  double share = -1;    ///< of the items; below 0: the method's default, or a budget in USD
  double budget_usd = -1;
  std::uint64_t seed = 1;
  std::string out;  ///< empty: standard output
};
int annotate(const AnnotateArguments& arguments, Style style);

struct ImportArguments {
  std::string format;
  std::vector<std::string> in;
  std::string prices;  ///< JSON file; empty: costs as recorded
  std::string out;
};
int import_dataset(const ImportArguments& arguments, Style style);

struct RouteArguments {
  std::string snapshot;
  std::string requests;
  std::string out;  ///< empty: standard output
  double answer_usd = 0;
  double second_usd = 0;
  double max_cost_usd = 0;  ///< 0: no limit
};
int route(const RouteArguments& arguments, Style style);

struct ExplainArguments {
  std::string config;
  std::string snapshot;  ///< instead of a configuration
  std::string route;     ///< of the configuration; empty: the first
  std::string prompt;    ///< "-": standard input
};
int explain(const ExplainArguments& arguments, Style style);

int methods(Style style);

struct DistilArguments {
  std::int64_t dims = 64;
  std::string out;         ///< empty: named by its content, in the cache folder
  std::string model;       ///< of the sentence encoder; empty: what set-up fetches
  std::string vocabulary;  ///< the same
  std::string runtime;     ///< ONNX Runtime's shared library; empty: the same
  bool quiet = false;
};
int distil(const DistilArguments& arguments, Style style);

struct TraceArguments {
  std::string action = "list";  ///< list, show, export
  std::string folder;           ///< empty: the default trace folder
  std::string id;               ///< of `show`
  std::string out;              ///< of `export`
  std::uint64_t limit = 20;     ///< of `list`
};
int trace(const TraceArguments& arguments, Style style);

struct SimulateArguments {
  std::string scenario;  ///< file; empty: the built-in one
  std::uint64_t seed = 1;
};
int simulate(const SimulateArguments& arguments, Style style);

}  // namespace thalamus::app
