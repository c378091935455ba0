-- Lets a worker make one call to HubSpot, or tells it when to ask again.
--
-- A call takes a slot of its limit; as many may be taken as HubSpot allows, less those that other
-- programs seem to need. The slot is free again one period after HubSpot counted the call
-- (settle_call), so two calls of one slot never meet in a rolling window, and all of them are never
-- more than the limit. A worker that dies leaves its slot taken for the longest request and a
-- period. Who asks takes a turn behind one advisory lock, for less than a millisecond; the time is
-- the start of the transaction, so that a wait only makes the answer more careful.
--
-- Bulk leaves a reserve free, and takes nothing until it is whole again: urgent never waits
-- behind it.
create or replace function hubspot_sync.reserve_call(
  p_lane text,
  p_search boolean default false
)
  returns hubspot_sync.call_grant
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_limit text := case when p_search then 'search' else 'burst' end;
  v_longest interval := hubspot_sync.setting('longest_request')::interval;
  v_cap integer := hubspot_sync.setting('daily_call_cap')::integer;
  v_budget hubspot_sync.hubspot_budget;
  v_daily hubspot_sync.hubspot_budget;
  v_today record;
  v_reserve integer := 0;
  v_others integer := 0;
  v_free integer;
  v_slot integer;
  v_grant hubspot_sync.call_grant;
begin
  if p_lane is null or p_lane not in ('urgent', 'bulk') then
    raise exception 'there is no lane %', left(p_lane, 100)
      using errcode = '22023', hint = 'urgent or bulk.';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.hubspot_budget', 0));
  select * into v_budget from hubspot_sync.hubspot_budget b where b.limit_name = v_limit;
  select * into v_daily from hubspot_sync.hubspot_budget b where b.limit_name = 'daily';
  select * into v_today from hubspot_sync.hubspot_day();
  v_grant.granted := false;

  -- A pause longer than any is one whose clock was set back since.
  if v_budget.paused_until > v_now and v_budget.paused_until <= v_now + interval '25 hours' then
    v_grant.wait := v_budget.paused_until - v_now;
    v_grant.reason := 'pause';
    return v_grant;
  end if;
  if v_daily.paused_until > v_now and v_daily.paused_until <= v_now + interval '25 hours'
     or v_daily.told_at between v_today.starts_at and v_now
        and v_daily.remaining <= (select count(s.ticket) from hubspot_sync.hubspot_slots s
                                   where s.free_at > v_now) then
    v_grant.wait := v_today.ends_at - v_now;
    v_grant.reason := 'daily';
    return v_grant;
  end if;
  if p_lane = 'bulk' then
    v_reserve := least(hubspot_sync.setting('urgent_reserve')::integer, v_budget.calls / 20);
    if v_cap <= (select coalesce(sum(c.calls), 0) from hubspot_sync.hubspot_calls c
                  where c.day = v_today.day) then
      v_grant.wait := v_today.ends_at - v_now;
      v_grant.reason := 'cap';
      return v_grant;
    end if;
  end if;

  -- Taken for longer than a call can last: the clock was set back. One period from now is enough.
  update hubspot_sync.hubspot_slots s
     set free_at = v_now + v_budget.period
   where s.limit_name = v_limit
     and s.free_at > v_now + v_budget.period * 2
                     + case when s.ticket is null then interval '0' else v_longest end;
  if v_budget.told_at > v_now - v_budget.period and v_budget.told_at <= v_now then
    v_others := v_budget.others;
  end if;
  select (v_budget.calls - v_reserve - v_others - count(*))::integer into v_free
    from hubspot_sync.hubspot_slots s
   where s.limit_name = v_limit
     and s.free_at > v_now;
  if v_free <= 0 then
    -- A call under way keeps its slot for a period at the least; so long others are believed in.
    v_grant.wait := coalesce(
      (select least(s.free_at - v_now, v_budget.period)
         from hubspot_sync.hubspot_slots s
        where s.limit_name = v_limit
          and s.free_at > v_now
        order by s.free_at
       offset -v_free
        limit 1),
      v_budget.told_at + v_budget.period - v_now);
    if v_others > 0 then
      v_grant.wait := least(v_grant.wait, v_budget.told_at + v_budget.period - v_now);
    end if;
    v_grant.reason := v_limit;
    return v_grant;
  end if;

  v_grant.ticket := nextval('hubspot_sync.hubspot_tickets');
  select f.slot into v_slot
    from hubspot_sync.hubspot_slots f
   where f.limit_name = v_limit
     and f.free_at <= v_now
   limit 1;
  insert into hubspot_sync.hubspot_slots as s
    (limit_name, slot, free_at, ticket, lane, taken_at)
  values (v_limit,
          coalesce(v_slot, (select coalesce(max(o.slot), 0) + 1 from hubspot_sync.hubspot_slots o
                             where o.limit_name = v_limit)),
          v_now + v_longest + v_budget.period, v_grant.ticket, p_lane, v_now)
  on conflict (limit_name, slot) do update
    set free_at = excluded.free_at, ticket = excluded.ticket, lane = excluded.lane,
        taken_at = excluded.taken_at;
  insert into hubspot_sync.hubspot_calls as c (day, lane, calls)
  values (v_today.day, p_lane, 1)
  on conflict (day, lane) do update set calls = c.calls + 1;
  v_grant.granted := true;
  v_grant.wait := '0';
  return v_grant;
end;
$$;

comment on function hubspot_sync.reserve_call(text, boolean) is
  'Asks for one call to HubSpot. p_lane: urgent or bulk; p_search: for a search, which has a limit '
  'of its own. Granted: make the call and settle_call(ticket, …), whatever came of it; else ask '
  'again after wait. Raises 22023 for an unknown lane.';
revoke execute on function hubspot_sync.reserve_call(text, boolean)
  from public, anon, authenticated;
grant execute on function hubspot_sync.reserve_call(text, boolean) to service_role;
