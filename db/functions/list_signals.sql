-- Lists what the inbox still holds, oldest first, a page at a time.
--
-- As in list_queue, what was done, which may be millions, is never looked at.
create or replace function hubspot_sync.list_signals(
  p_state text default null,
  p_table text default null,
  p_limit integer default 100,
  p_after bigint default null
)
  returns setof hubspot_sync.queued_signal
  language plpgsql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_states constant text[] := array['due', 'waiting', 'behind', 'leased', 'paused', 'dead'];
  v_now timestamptz := hubspot_sync.clock();
  v_table text := hubspot_sync.find_synced_table(p_table);
begin
  if p_state <> all (c_states) then
    raise exception 'no signal is in state %', left(p_state, 100)
      using errcode = '22023', hint = format('One of %s.', array_to_string(c_states, ', '));
  end if;
  if p_limit is null or p_limit not between 1 and 10000 then
    raise exception 'limit % is not between 1 and 10000', coalesce(p_limit::text, 'null')
      using errcode = '22023', hint = 'Leave it out for 100.';
  end if;
  return query
    select c.id, c.table_name, c.hubspot_id,
           hubspot_sync.record_name(
             c.table_name, hubspot_sync.known_record(c.table_name, c.hubspot_id)),
           c.kind, c.lane, c.state, c.attempts, v_now - c.received_at, c.next_attempt_at,
           c.last_error
      from (
        select o.*
          from unnest(array['hubspot_bookings', 'hubspot_contact_credits',
                            'hubspot_mock_exams']) t (name)
         cross join lateral (
           select q.*, s.state
             from hubspot_sync.webhook_inbox q
            cross join lateral (select hubspot_sync.signal_state(q)) s (state)
            where q.table_name = t.name
              and q.done_at is null
              and q.dead_at is null
              and q.id > coalesce(p_after, 0)
              and (p_state is null or s.state = p_state)
            order by q.id
            limit p_limit) o
         where t.name = coalesce(v_table, t.name)
           and p_state is distinct from 'dead'
        union all
        (select q.*, 'dead'
           from hubspot_sync.webhook_inbox q
          where q.done_at is null
            and q.dead_at is not null
            and q.table_name = coalesce(v_table, q.table_name)
            and q.id > coalesce(p_after, 0)
            and (p_state is null or p_state = 'dead')
          order by q.id
          limit p_limit)
      ) c
     order by c.id
     limit p_limit;
end;
$$;

comment on function hubspot_sync.list_signals(text, text, integer, bigint) is
  'The signals that are open or dead, oldest first. p_state: one of signal_state, or null for all. '
  'p_table: bookings, contacts or exams, or null. p_limit: 1 to 10,000. p_after: the last id of '
  'the page before. Raises 22023 for what it does not know.';
revoke execute on function hubspot_sync.list_signals(text, text, integer, bigint)
  from public, anon, authenticated;
grant execute on function hubspot_sync.list_signals(text, text, integer, bigint) to service_role;
