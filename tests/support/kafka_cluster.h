#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace moult::testing {

/// A real Kafka on this machine, by tools/kafka. It ends with this object, and with the test
/// process however that ends.
class KafkaCluster {
 public:
  struct Options {
    int brokers = 1;
    std::string properties = {};              // lines added to every server.properties
    std::vector<std::string> listeners = {};  // NAME:PROTOCOL, beside the plain one
    std::filesystem::path classes = {};       // a folder of Java classes that the properties name
  };

  /// The cluster that all tests of this binary share, with one broker; started at the first call.
  /// Where the environment names one in MOULT_TEST_KAFKA, that one is used, and left running.
  static KafkaCluster& shared();

  /// Compiles a Java source against Kafka's jars, into `classes`. Throws with the compiler's words.
  static void compile(const std::filesystem::path& source, const std::filesystem::path& classes);

  explicit KafkaCluster(const Options& options);
  ~KafkaCluster();
  KafkaCluster(const KafkaCluster&) = delete;
  KafkaCluster& operator=(const KafkaCluster&) = delete;

  const std::string& name() const { return name_; }
  /// host:port[,…] of the plain listener, or of a named one.
  const std::string& bootstrap() const { return bootstraps_.at(""); }
  const std::string& bootstrap(const std::string& listener) const;

  /// The output of one of Kafka's own tools, e.g. {"topics", "--list"}. Each costs a second or two:
  /// prefer Admin. Throws when the tool fails.
  std::string tool(const std::vector<std::string>& arguments) const;

  enum class Stop { kOrderly, kKill };
  void stop_node(int node, Stop how = Stop::kOrderly) const;
  void start_node(int node) const;
  /// SIGSTOP and SIGCONT, say: a node that is there and does not answer.
  void signal_node(int node, int signal) const;
  std::filesystem::path log_file(int node = 1) const;

  /// How often the group coordinator began a new generation (classic protocol) or epoch
  /// (`group.protocol=consumer`) of the group, as the brokers' logs tell. One rebalance of
  /// the cooperative assignor takes two.
  std::size_t generations(const std::string& group) const;
  /// How many members of the group have gone without a word, so that the coordinator waited for the
  /// end of their sessions.
  std::size_t expired_members(const std::string& group) const;

 private:
  struct External {
    std::string name;
  };
  explicit KafkaCluster(External external);

  void up(const std::vector<std::string>& options);
  std::size_t log_lines(const std::string& text, const std::string& other = "") const;
  static std::string run(const std::vector<std::string>& arguments);

  std::string name_;
  bool ours_ = true;
  int brokers_ = 1;
  std::map<std::string, std::string> bootstraps_;  // by listener; "" is the plain one
};

}  // namespace moult::testing
