-- Gives the slot of a call back, and learns from HubSpot's answer.
--
-- HubSpot counted the call between its sending and its answer, and surely within counted_within of
-- the sending, which is not believed for an hour after a 429. From then on the slot stays taken
-- for one period. A slot that was given to another call meanwhile stays that one's.
create or replace function hubspot_sync.settle_call(
  p_ticket bigint,
  p_status integer default null,
  p_headers jsonb default null,
  p_policy text default null,
  p_elapsed interval default null
)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_too_many constant integer := 429;
  v_now timestamptz := hubspot_sync.clock();
  v_within interval := hubspot_sync.setting('counted_within')::interval;
  v_retry_after double precision :=
    substring(p_headers ->> 'retry-after' from '^\d{1,9}(?:\.\d{1,9})?$')::double precision;
  v_early interval := interval '0';
  v_call hubspot_sync.hubspot_slots;
  v_limit text;
  v_budget hubspot_sync.hubspot_budget;
  v_today record;
begin
  perform pg_advisory_xact_lock(hashtextextended('hubspot_sync.hubspot_budget', 0));
  select * into v_call from hubspot_sync.hubspot_slots s where s.ticket = p_ticket;
  if not found then
    return false;
  end if;
  perform hubspot_sync.follow_limits(v_call, p_headers);

  if p_status = c_too_many then
    select * into v_today from hubspot_sync.hubspot_day();
    v_limit := case p_policy
                 when 'DAILY' then 'daily'
                 when 'TEN_SECONDLY_ROLLING' then 'burst'
                 else v_call.limit_name
               end;
    update hubspot_sync.hubspot_budget b
       -- What we took for free is not. A taken slot becomes free as HubSpot forgets its call.
       set others = greatest(b.others, b.calls - (
             select count(*) from hubspot_sync.hubspot_slots s
              where s.limit_name = v_limit and s.free_at > v_now)),
           told_at = case when v_limit = 'daily' then b.told_at else v_now end,
           limited_at = v_now,
           paused_until = case
             when v_limit = 'daily' then v_today.ends_at
             when v_retry_after is not null
               then v_now + make_interval(secs => least(v_retry_after, 86400))
             else b.paused_until
           end
     where b.limit_name = v_limit;
    insert into hubspot_sync.hubspot_calls as c (day, lane, rate_limited)
    values (v_today.day, v_call.lane, 1)
    on conflict (day, lane) do update set rate_limited = c.rate_limited + 1;
  end if;

  select * into v_budget from hubspot_sync.hubspot_budget b
   where b.limit_name = v_call.limit_name;
  if p_status is not null and p_elapsed is not null and v_within is not null
     and coalesce(v_budget.limited_at <= v_now - interval '1 hour', true) then
    v_early := greatest(least(p_elapsed, v_now - v_call.taken_at) - v_within, '0');
  end if;
  update hubspot_sync.hubspot_slots s
     set ticket = null,
         free_at = v_now + v_budget.period - v_early
   where s.limit_name = v_call.limit_name
     and s.slot = v_call.slot;
  return true;
end;
$$;

comment on function hubspot_sync.settle_call(bigint, integer, jsonb, text, interval) is
  'Tells what became of a call that reserve_call granted. p_status: null when no answer came. '
  'p_headers: the answer''s X-HubSpot-RateLimit-* and Retry-After, names in lower case. p_policy: '
  'the policyName of a 429. p_elapsed: from the request''s sending to its answer, where known. '
  'After a 429 what seemed free is others'' for a period, or nobody calls until Retry-After is '
  'over; after that of the day nobody calls until HubSpot''s midnight. Answers false for a ticket '
  'that is not, or no longer, open.';
revoke execute on function hubspot_sync.settle_call(bigint, integer, jsonb, text, interval)
  from public, anon, authenticated;
grant execute on function hubspot_sync.settle_call(bigint, integer, jsonb, text, interval)
  to service_role;
