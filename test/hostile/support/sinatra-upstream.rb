# Says what Sinatra and Rack find of priced fields.

require 'json'
require 'puma'
require 'puma/server'
require 'sinatra/base'

class Upstream < Sinatra::Base
  set environment: :production, logging: false, method_override: true, protection: false

  %i[get post put patch delete].each do |method|
    send(method, '/*') do
      readings =
        case request.path_info
        when '/make' then { json: JSON.parse(request.body.read) }
        when '/form' then { params: params, post: request.POST }
        else { params: params, get: request.GET }
        end
      content_type :json
      seen = readings.transform_values { |each| each.to_h.slice('text', 'steps', 'quality') }
      JSON.generate({ method: request.request_method, readings: seen })
    end
  end
end

server = Puma::Server.new(Upstream, Puma::Events.null, { min_threads: 4, max_threads: 4 })
server.add_tcp_listener('127.0.0.1', 0)
puts server.connected_ports.first
$stdout.flush
server.run.join
