-- Learns the limits from the headers of an answer; the caller holds the budget's lock.
--
-- If fewer calls remain than ours explain, somebody else uses the account: that many free slots,
-- and a twentieth of all to spare, are theirs for a period. What ours explain is counted
-- generously, so that an answer that took long accuses nobody: every slot that was not free when
-- its call was granted.
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
  v_interval integer := nullif(
    substring(p_headers ->> 'x-hubspot-ratelimit-interval-milliseconds' from c_digits)::integer, 0);
  v_daily integer := nullif(
    substring(p_headers ->> 'x-hubspot-ratelimit-daily' from c_digits)::integer, 0);
  v_daily_remaining integer :=
    substring(p_headers ->> 'x-hubspot-ratelimit-daily-remaining' from c_digits)::integer;
  v_burst hubspot_sync.hubspot_budget;
  v_day_began timestamptz := (select d.starts_at from hubspot_sync.hubspot_day() d);
  v_foreign integer;
begin
  if v_max > c_most then
    v_max := c_most;
  end if;
  if p_call.limit_name = 'burst' and coalesce(v_max, v_remaining, v_interval) is not null then
    update hubspot_sync.hubspot_budget b
       set calls = coalesce(v_max, b.calls),
           period = coalesce(make_interval(secs => v_interval / 1000.0), b.period),
           remaining = v_remaining,
           told_at = v_now
     where b.limit_name = 'burst'
    returning * into v_burst;
    insert into hubspot_sync.hubspot_slots (limit_name, slot)
    select 'burst', s.slot
      from generate_series((select max(o.slot) + 1 from hubspot_sync.hubspot_slots o
                             where o.limit_name = 'burst'), v_burst.calls) s (slot);
    select (v_burst.calls - v_remaining - count(*)
             + case when v_burst.calls - v_remaining > count(*)
                      or bool_or(s.lane = 'others' and s.free_at > v_now)
                 then (v_burst.calls + 19) / 20 else 0 end)::integer
      into v_foreign
      from hubspot_sync.hubspot_slots s
     where s.limit_name = 'burst'
       and s.free_at > p_call.taken_at;
    update hubspot_sync.hubspot_slots s
       set free_at = v_now + v_burst.period, lane = 'others', taken_at = v_now
     where s.limit_name = 'burst'
       and s.slot in (select f.slot from hubspot_sync.hubspot_slots f
                       where f.limit_name = 'burst' and f.free_at <= v_now
                       limit greatest(v_foreign, 0));
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
  'Adapts hubspot_budget and the slots to the X-HubSpot-RateLimit headers of the answer to a call.';
revoke execute on function hubspot_sync.follow_limits(hubspot_sync.hubspot_slots, jsonb)
  from public, anon, authenticated;
