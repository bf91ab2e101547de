-- Prints how far Kong's pod came toward a trace endpoint, as one line of JSON: the stage at which it ended, the error, and the HTTP status.
-- `reach.sh` runs it in Kong's resty, and hands the endpoint over in the environment. It sends an empty OTLP export without a key.
local json = require("cjson.safe")

local secure = os.getenv("FIDDLER_SCHEME") == "https"
local host, port, path = os.getenv("FIDDLER_HOST"), tonumber(os.getenv("FIDDLER_PORT")), os.getenv("FIDDLER_PATH")
local patience, limit = 5000, 20
local stage = "resolve"

local function lines_of(name)
  local file = io.open(name)
  return file and file:lines() or function() end
end

-- nginx's resolver knows neither /etc/hosts nor the search list of /etc/resolv.conf; Kong's own does.
local function address_in_hosts()
  for line in lines_of("/etc/hosts") do
    local address, names = line:match("^%s*([%d.]+)%s+([^#]*)")
    for name in (names or ""):gmatch("%S+") do
      if name:lower() == host:lower() then
        return address
      end
    end
  end
end

local function full_names()
  local names, ndots = {}, 1
  for line in lines_of("/etc/resolv.conf") do
    local domains = line:match("^%s*search%s+(.*)")
    if domains then
      names = {}
      for domain in domains:gmatch("%S+") do
        names[#names + 1] = host .. "." .. domain
      end
    end
    ndots = tonumber(line:match("^%s*options%s.*ndots:(%d+)")) or ndots
  end
  local _, dots = host:gsub("%.", "")
  table.insert(names, dots >= ndots and 1 or #names + 1, host)
  return names
end

local function candidates()
  if host:find("^%[") or host:find("^[%d.]+$") then
    return { host }
  end
  local address = address_in_hosts()
  if address then
    return { address }
  end
  return host:sub(-1) == "." and { host:sub(1, -2) } or full_names()
end

local function connect(socket)
  local done, problem
  for _, name in ipairs(candidates()) do
    done, problem = socket:connect(name, port)
    if done then
      return true
    elseif not problem:find("resolve", 1, true) then
      stage = "connect"
      break
    end
  end
  return nil, problem
end

local function ask(socket)
  local usual = port == (secure and 443 or 80)
  local sent, problem = socket:send({
    "POST ", path, " HTTP/1.1\r\nHost: ", host, usual and "" or ":" .. port, "\r\nUser-Agent: fiddler-kong-doctor\r\n",
    "Content-Type: application/x-protobuf\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
  })
  if not sent then
    return nil, problem
  end
  local start, failure, partial = socket:receive(12)  -- "HTTP/1.1 200": the rest of the answer may be anything
  local status = (start or ""):match("^HTTP/1%.%d (%d%d%d)$")
  if status then
    return tonumber(status)
  end
  return nil, failure and (#partial == 0 and failure or "no HTTP") or "no HTTP"
end

local function reach()
  local socket = ngx.socket.tcp()
  socket:settimeouts(patience, patience, patience)
  local done, problem = connect(socket)
  if done and secure then
    stage = "handshake"
    done, problem = socket:sslhandshake(nil, host, true)
  end
  if not done then
    return nil, problem
  end
  stage = "request"
  local status, failure = ask(socket)
  stage = status and "answer" or stage
  return status, failure
end

-- resty.core raises an error where OpenSSL gives no reason.
local function protected()
  local fine, status, problem = pcall(reach)
  if fine then
    return status, problem
  end
  return nil, status
end

local function give_up()
  ngx.sleep(limit)
  return nil, "time is over"
end

local _, status, problem = ngx.thread.wait(ngx.thread.spawn(protected), ngx.thread.spawn(give_up))
io.stdout:write(json.encode({ stage = stage, error = problem and tostring(problem):sub(1, 200), status = status }), "\n")
io.stdout:flush()
os.exit(0)
