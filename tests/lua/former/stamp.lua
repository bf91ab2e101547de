-- Stamps the conversation id on every span made so far; Fiddler groups calls with the same id into one session.
pcall(function()
  local id = ngx.ctx.fiddler_conversation_id
  if not id then
    return
  end
  local spans = ngx.ctx.KONG_SPANS
  if type(spans) ~= "table" then
    return
  end
  local function stamp(span)
    span:set_attribute("gen_ai.conversation.id", id)
  end
  for _, span in ipairs(spans) do
    pcall(stamp, span)
  end
end)
