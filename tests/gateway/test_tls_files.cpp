/// Certificates and authorities that a configuration names: loaded when it is, told when they change.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "thalamus/gateway/tls_files.h"

namespace thalamus::gateway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kRest =
    "models: [{ name: m, provider: up }, { name: t, tool: dates }]\n"
    "routes: [{ name: auto, targets: [m, t] }]\n";

/// Of nobody: its key was thrown away.
constexpr const char* kAuthority =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBcDCCARWgAwIBAgIULe/pqmAjzTS0mRRzLrdzd3qfiDcwCgYIKoZIzj0EAwIw\n"
    "DDEKMAgGA1UEAwwBdDAgFw0yNjExMjIyMzA2NDRaGA8yMTI2MTAyOTIzMDY0NFow\n"
    "DDEKMAgGA1UEAwwBdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABLgl4fZKMy9K\n"
    "0SNx6NAsFLDjUVo5dyMaKXKk34Qa/5FmAbJG9Yi+77shQYwNGqzS+vs43f1GLgu1\n"
    "lbWhoUo3z9SjUzBRMB0GA1UdDgQWBBRN9WwtXhZFNXya9YIIByg3+MrqJDAfBgNV\n"
    "HSMEGDAWgBRN9WwtXhZFNXya9YIIByg3+MrqJDAPBgNVHRMBAf8EBTADAQH/MAoG\n"
    "CCqGSM49BAMCA0kAMEYCIQDEADGqZBVk2alqD5vjaltWZM3UmuUOwxae/YZTbfyK\n"
    "YAIhAJd1MaAJPZZibhpPdPDpET8aIl4fqQtZY57gxFRFMchf\n"
    "-----END CERTIFICATE-----\n";

class TlsFilesOf : public testing::Test {
 protected:
  TlsFilesOf() : folder_(testing::TempDir() + "thalamus_tls_files_" + std::to_string(::getpid())) {
    std::filesystem::create_directories(folder_);
    write("system.pem", kAuthority);
    // The system's own authorities are many and take long to read.
    ::setenv("SSL_CERT_FILE", (folder_ / "system.pem").c_str(), 1);
  }
  ~TlsFilesOf() override {
    ::unsetenv("SSL_CERT_FILE");
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  void write(const std::string& name, const std::string& text) const { std::ofstream(folder_ / name) << text; }
  [[nodiscard]] Result<Config> load(const std::string& head) const {
    write("c.yaml", "version: 1\n" + head + kRest);
    return load_config(folder_ / "c.yaml");
  }
  /// The refusal without the folder's name, which is another one in each run.
  [[nodiscard]] std::string refusal(const std::string& head) const {
    const auto config = load(head);
    if (config) return "accepted";
    std::string text = config.error().text();
    const std::string prefix = folder_.string() + "/";
    for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix)) text.erase(at, prefix.size());
    return text;
  }

  std::filesystem::path folder_;
};

TEST_F(TlsFilesOf, ProvidersAreLoadedAndAFaultStandsAtItsPlace) {
  const std::string missing = "providers: { up: { base_url: https://h, ca_file: none.pem } }\n";
  EXPECT_THAT(refusal(missing),
              HasSubstr("c.yaml:2:50: providers.up.ca_file: the CA file 'none.pem' cannot be loaded"));
  write("junk.pem", "junk");
  const std::string junk = "providers: { up: { base_url: https://h, ca_file: junk.pem } }\n";
  EXPECT_THAT(refusal(junk), HasSubstr("c.yaml:2:50: providers.up.ca_file: the CA file 'junk.pem' cannot be loaded"));
  EXPECT_THAT(refusal(junk), HasSubstr("; expected certificates in PEM form"));
  write("junk.pem", kAuthority);
  EXPECT_EQ(refusal(junk), "accepted");
}

TEST_F(TlsFilesOf, AFileThatTwoProvidersNameIsAFaultOfBoth) {
  const std::string text = refusal(
      "providers:\n  up: { base_url: https://h, ca_file: none.pem }\n  too: { base_url: https://h, ca_file: none.pem "
      "}\n");
  EXPECT_THAT(text, HasSubstr("c.yaml:3:39: providers.up.ca_file: "));
  EXPECT_THAT(text, HasSubstr("c.yaml:4:40: providers.too.ca_file: "));
}

TEST_F(TlsFilesOf, TheListenersAreLoadedToo) {
  write("junk.pem", "junk");
  const std::string providers = "providers: { up: { base_url: http://127.0.0.1:9 } }\n";
  EXPECT_THAT(refusal("tls: { certificate: none.pem, key: junk.pem }\n" + providers),
              HasSubstr("c.yaml:2:21: tls.certificate: the certificate file 'none.pem' cannot be loaded"));
  EXPECT_THAT(refusal("tls: { certificate: junk.pem, key: none.key }\n" + providers),
              HasSubstr("c.yaml:2:21: tls.certificate: the certificate file 'junk.pem' cannot be loaded"));
}

TEST_F(TlsFilesOf, FaultsOfTheFileItselfAreToldBesideThem) {
  const std::string text = refusal(
      "threads: many\n"
      "providers: { up: { base_url: https://h, ca_file: none.pem } }\n");
  EXPECT_THAT(text, HasSubstr("c.yaml:2:10: threads: "));
  EXPECT_THAT(text, HasSubstr("providers.up.ca_file: "));
}

TEST_F(TlsFilesOf, TextAloneLoadsNothing) {
  const std::string text = "version: 1\nproviders: { up: { base_url: https://h, ca_file: none.pem } }\n";
  EXPECT_TRUE(parse_config(text + kRest, (folder_ / "c.yaml").string()));
}

TEST_F(TlsFilesOf, OtherContentsAreAChangeEach) {
  const TlsSettings settings{folder_ / "c.pem", folder_ / "k.pem", {}};
  write("c.pem", "one");
  write("k.pem", "one");
  const TlsContents before = read_tls_contents(settings);
  EXPECT_THAT(tls_changes(before, read_tls_contents(settings)), IsEmpty());
  write("c.pem", "two");
  EXPECT_THAT(tls_changes(before, read_tls_contents(settings)),
              ElementsAre("+ tls.certificate: the file holds something else and was read anew"));
  write("k.pem", "two");
  EXPECT_THAT(tls_changes(before, read_tls_contents(settings)),
              ElementsAre(HasSubstr("tls.certificate"), HasSubstr("tls.key")));
}

}  // namespace
}  // namespace thalamus::gateway
