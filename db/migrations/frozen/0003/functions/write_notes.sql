-- Gathers what the audit log has not told HubSpot yet into notes, one a contact, and puts them
-- into the outbox.
--
-- One caller at a time (an advisory lock nobody waits for), so that no entry is told twice. What
-- waits for its contact's HubSpot id stays; what nobody can be told of any more, because booking
-- and contact are gone, is let go. A note ends with its own id, by which it is found in HubSpot.
create or replace function hubspot_sync.write_notes(
  p_lane text default null,
  p_limit integer default 5000
)
  returns integer
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_entry constant integer := 4000;   -- the longest entry, as text: six times that as HTML
  c_part constant integer := 32000;   -- where a note is full; HubSpot takes 65,536 characters
  v_now timestamptz := hubspot_sync.clock();
  v_zone text := hubspot_sync.setting('time_zone');
  v_taken integer;
  v_written integer;
begin
  if p_limit is null or p_limit not between 1 and 100000 or p_lane not in ('urgent', 'bulk') then
    raise exception 'cannot write notes of % entries for lane %', p_limit, left(p_lane, 100)
      using errcode = '22023', hint = '1 to 100000 entries, lane urgent or bulk.';
  end if;
  if p_lane = 'urgent'
     or p_lane is null and (
       hubspot_sync.setting('profile') = 'thrifty'
       or exists (select from hubspot_sync.sync_status s
                   where s.task = 'notes'
                     and s.last_run_at <= v_now
                     and s.last_run_at > v_now
                                         - hubspot_sync.setting('notes_every')::interval))
     or not pg_try_advisory_xact_lock(hashtextextended('hubspot_sync.write_notes', 0)) then
    return 0;
  end if;
  if hubspot_sync.setting('notes') = 'off' then
    update hubspot_sync.supabase_audit_log a set to_note = false where a.to_note;
    perform hubspot_sync.remember('notes', '{}');
    return 0;
  end if;

  with entries as materialized (
    select a as entry, a.id, a.created_at, c.id as contact
      from hubspot_sync.supabase_audit_log a
      left join hubspot_sync.hubspot_bookings b
        on a.table_name = 'hubspot_bookings' and b.id = a.record
      left join hubspot_sync.hubspot_contact_credits c
        on c.id = case
             when a.table_name = 'hubspot_contact_credits' then a.record
             when b.id is not null then b.contact
             else (select (d.old_values ->> 'contact')::uuid
                     from hubspot_sync.supabase_audit_log d
                    where d.record = a.record and d.operation = 'delete'
                    limit 1)
           end
     where a.to_note
       and (c.hubspot_id is not null or c.id is null and b.id is null)
     order by a.id
     limit p_limit
  ), lines as materialized (
    select e.contact, e.id, e.created_at,
           '<li>' || hubspot_sync.escape_html(left(concat(
             to_char(e.created_at at time zone v_zone, 'YYYY-MM-DD HH24:MI'), ': ',
             hubspot_sync.audit_sentence(e.entry), '; by ' || left((e.entry).actor, 200),
             '; reason: ' || (e.entry).reason), c_entry)) || '</li>' as line
      from entries e
     where e.contact is not null
  ), parts as (
    select l.*,
           sum(length(l.line)) over (partition by l.contact order by l.created_at, l.id)
             / c_part as part
      from lines l
  ), notes as materialized (
    select gen_random_uuid() as id, p.contact, max(p.created_at) as noted_at,
           string_agg(p.line, '' order by p.created_at, p.id) as lines,
           array_agg(p.id order by p.created_at, p.id) as entries
      from parts p
     group by p.contact, p.part
  ), written as (
    insert into hubspot_sync.sync_notes (id, contact, body, entries, noted_at)
    select n.id, n.contact,
           format('<ul>%s</ul><p>Times are %s. Ref. %s</p>', n.lines,
                  hubspot_sync.escape_html(v_zone), n.id),
           n.entries, n.noted_at
      from notes n
  ), queued as (
    insert into hubspot_sync.sync_queue (table_name, record, operation)
    select 'sync_notes', n.id, 'insert'
      from notes n
     order by n.noted_at, n.id
  ), told as (
    update hubspot_sync.supabase_audit_log a
       set to_note = false, note = t.note
      from (select e.id, n.id as note
              from entries e
              left join (select m.id, i.entry
                           from notes m
                          cross join lateral unnest(m.entries) i (entry)) n
                on n.entry = e.id) t
     where a.id = t.id
  )
  select (select count(*)::integer from entries), (select count(*)::integer from notes)
    into v_taken, v_written;
  -- What was too much for one call is taken by the next, at once.
  if v_taken < p_limit then
    perform hubspot_sync.remember('notes', '{}');
  end if;
  return v_written;
end;
$$;

comment on function hubspot_sync.write_notes(text, integer) is
  'Writes notes of up to p_limit entries of the audit log into sync_notes and sync_queue, and '
  'answers how many. p_lane: urgent writes none; null at most every notes_every, and none where '
  'the setting profile is thrifty; bulk always. Where the setting notes is off, what waits is let '
  'go. Raises 22023 for an unknown lane or an impossible limit.';
revoke execute on function hubspot_sync.write_notes(text, integer)
  from public, anon, authenticated;
grant execute on function hubspot_sync.write_notes(text, integer) to service_role;
