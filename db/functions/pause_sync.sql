-- Stops sending: of one table or of all, for a time or until somebody resumes it.
create or replace function hubspot_sync.pause_sync(
  p_scope text,
  p_reason text,
  p_for interval default null
)
  returns void
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if p_scope is distinct from '*' then
    perform hubspot_sync.require_synchronised(p_scope);
  end if;
  if nullif(trim(p_reason), '') is null or p_for not between '0' and '30 days' then
    raise exception 'a pause needs a reason, and lasts at most 30 days'
      using errcode = '22023', hint = 'Without a time it lasts until it is resumed.';
  end if;
  insert into hubspot_sync.sync_pauses as s (scope, reason, paused_by, paused_at, until)
  values (p_scope, left(p_reason, 1000), hubspot_sync.actor(), hubspot_sync.clock(),
          hubspot_sync.clock() + p_for)
  on conflict (scope) do update
     set reason = excluded.reason, paused_by = excluded.paused_by,
         paused_at = excluded.paused_at, until = excluded.until
   -- A pause that somebody must end is not ended by one that ends by itself.
   where s.until is not null or excluded.until is null;
end;
$$;

comment on function hubspot_sync.pause_sync(text, text, interval) is
  'Nothing of p_scope (a table, or «*» for all) is claimed for p_for, or until '
  'hubspot_sync.resume_sync, where p_for is null. A batch in hand is finished. Raises 22023 for an '
  'unknown scope, no reason, or an impossible time.';
revoke execute on function hubspot_sync.pause_sync(text, text, interval)
  from public, anon, authenticated;
grant execute on function hubspot_sync.pause_sync(text, text, interval) to service_role;
