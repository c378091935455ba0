-- Learns the limits from the headers of an answer; the caller holds the budget's lock.
--
-- If fewer calls remain than ours explain, other programs use the account. They are believed to go
-- on as they do until an answer tells otherwise, and a twentieth of all is left to spare. What ours
-- explain is counted generously, so that an answer that took long accuses nobody: every slot that
-- was not free when its call was granted.
create or replace function hubspot_sync.follow_limits(
  p_call hubspot_sync.hubspot_slots,
  p_headers jsonb
)
  returns void
  language plpgsql
  volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_digits constant text := '^\d{1,9}$';
  c_most constant integer := 1000;
  v_now timestamptz := hubspot_sync.clock();
  v_max integer := nullif(
    substring(p_headers ->> 'x-hubspot-ratelimit-max' from c_digits)::integer, 0);
  v_remaining integer :=
    substring(p_headers ->> 'x-hubspot-ratelimit-remaining' from c_digits)::integer;
  v_interval integer :=
    substring(p_headers ->> 'x-hubspot-ratelimit-interval-milliseconds' from c_digits)::integer;
  v_daily integer := nullif(
    substring(p_headers ->> 'x-hubspot-ratelimit-daily' from c_digits)::integer, 0);
  v_daily_remaining integer :=
    substring(p_headers ->> 'x-hubspot-ratelimit-daily-remaining' from c_digits)::integer;
  v_day_began timestamptz := (select d.starts_at from hubspot_sync.hubspot_day() d);
  v_ours bigint;
begin
  if v_max > c_most then
    v_max := c_most;
  end if;
  -- One that could be no period would hold up all calls, or none.
  if v_interval not between 100 and 60000 then
    v_interval := null;
  end if;
  if p_call.limit_name = 'burst' and coalesce(v_max, v_remaining, v_interval) is not null then
    update hubspot_sync.hubspot_budget b
       set calls = coalesce(v_max, b.calls),
           period = coalesce(make_interval(secs => v_interval / 1000.0), b.period),
           remaining = v_remaining,
           told_at = v_now
      where b.limit_name = 'burst';
    select count(*) into v_ours
      from hubspot_sync.hubspot_slots s
     where s.limit_name = 'burst'
       and s.free_at > p_call.taken_at;
    update hubspot_sync.hubspot_budget b
       set others = case
             when b.calls - v_remaining > v_ours
               then b.calls - v_remaining - v_ours + (b.calls + 19) / 20
             else 0
           end
     where b.limit_name = 'burst'
       and v_remaining is not null;
  end if;

  -- What remains of the day falls with every call. It rises when HubSpot's day or limit is
  -- another; only a call granted after the lower figure came can tell so.
  if v_daily_remaining is null then
    update hubspot_sync.hubspot_budget b
       set remaining = b.remaining - 1
     where b.limit_name = 'daily';
  elsif p_call.taken_at >= v_day_began then
    update hubspot_sync.hubspot_budget b
       set calls = coalesce(v_daily, b.calls),
           remaining = v_daily_remaining,
           told_at = v_now
     where b.limit_name = 'daily'
       and (b.told_at is null
            or b.told_at not between v_day_began and v_now
            or v_daily_remaining < b.remaining
            or p_call.taken_at > b.told_at);
  end if;
end;
$$;

comment on function hubspot_sync.follow_limits(hubspot_sync.hubspot_slots, jsonb) is
  'Adapts hubspot_budget to the X-HubSpot-RateLimit headers of the answer to a call.';
revoke execute on function hubspot_sync.follow_limits(hubspot_sync.hubspot_slots, jsonb)
  from public, anon, authenticated;
