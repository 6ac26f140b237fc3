require "net/http"
require "stringio"

sessions = {}
File.foreach(ARGV[0], chomp: true) do |line|
  url, mode, file, *fields = line.split("\t")
  uri = URI(url)
  request = Net::HTTP::Post.new(uri)
  fields.each { |field| name, value = field.split(": ", 2); request[name] = value }
  if mode == "chunked"
    request["Transfer-Encoding"] = "chunked"
    request.body_stream = StringIO.new(File.binread(file))
  else
    request.body = File.binread(file)
  end
  session = sessions[uri.port] ||= Net::HTTP.start(uri.host, uri.port)
  puts session.request(request).code
rescue SystemCallError, IOError => error
  puts error.message
end
