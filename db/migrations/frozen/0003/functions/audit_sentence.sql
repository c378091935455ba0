-- Says in words what an entry of the audit log tells of a contact or of one of its bookings.
--
-- An entry has only what changed. What else the booking was at that moment is what the next
-- changes of it replaced, or what it is now.
create or replace function hubspot_sync.audit_sentence(
  p_entry hubspot_sync.supabase_audit_log
)
  returns text
  language plpgsql
  stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_longest constant integer := 200;  -- of a value that is quoted
  v_then jsonb;
  v_exam text;
  v_said text[] := array['exam', 'contact', 'contact_id', 'exempt', 'idempotency_request',
                         'idempotency_result'];  -- what the sentence needs not say any more
  v_words text;
  v_credits text;
  v_changes text;
begin
  if p_entry.table_name = 'hubspot_bookings' then
    select coalesce((select jsonb_build_object(
                              'booking_id', b.booking_id, 'mock_type', b.mock_type,
                              'exam_date', b.exam_date, 'mock_exam_id', b.mock_exam_id)
                       from hubspot_sync.hubspot_bookings b
                      where b.id = p_entry.record), '{}')
           -- Of several values of a key the last one counts: that of the change that came first.
           || coalesce((select jsonb_object_agg(v.key, v.value order by a.id desc)
                          from hubspot_sync.supabase_audit_log a
                         cross join lateral jsonb_each(a.old_values) v
                         where a.record = p_entry.record
                           and a.id > p_entry.id), '{}')
           || coalesce(p_entry.new_values, p_entry.old_values, '{}')
      into v_then;
    v_exam := coalesce(nullif(v_then ->> 'mock_type', ''), 'an exam')
      || coalesce(' on ' || left(v_then ->> 'exam_date', 10), '');
    if p_entry.event_type = 'moved' then
      v_said := v_said || '{mock_exam_id,mock_type,exam_date}'::text[];
      v_words := format('moved from %s%s (exam %s) to %s (exam %s)',
        coalesce(nullif(coalesce(p_entry.old_values, '{}') ->> 'mock_type', ''),
                 nullif(v_then ->> 'mock_type', ''), 'an exam'),
        coalesce(' on ' || left(coalesce(p_entry.old_values ->> 'exam_date',
                                         v_then ->> 'exam_date'), 10), ''),
        p_entry.old_values ->> 'mock_exam_id', v_exam, v_then ->> 'mock_exam_id');
    else
      v_said := v_said || case
        when p_entry.event_type in ('cancelled', 'completed') then '{is_active}'::text[]
        when p_entry.event_type in ('attended', 'no_show') then '{attendance}'::text[]
        else '{}'::text[] end;
      v_words := format('of %s %s', v_exam, case p_entry.event_type
        when 'no_show' then 'no-show'
        when 'modified' then 'changed'
        else p_entry.event_type end);
    end if;
    v_words := format('Booking %s %s', v_then ->> 'booking_id', v_words);
  else
    v_said := v_said || array['sj_credits', 'cs_credits', 'sjmini_credits',
                              'mock_discussion_token', 'shared_mock_credits'];
    select string_agg(format('%s %s credit%s%s', abs(d.delta), coalesce(t.mock_type, 'shared'),
                             case abs(d.delta) when 1 then '' else 's' end,
                             case when p_entry.operation = 'insert' then ''
                               else format(' %s (now %s)', case when d.delta > 0 then 'granted'
                                             else 'taken away' end, d.balance) end),
                      ', ' order by d.credit)
      into v_credits
      from (select n.key as credit, n.value::text::integer as balance,
                   n.value::text::integer
                     - coalesce((p_entry.old_values ->> n.key)::integer, 0) as delta
              from jsonb_each(p_entry.new_values) n
             where n.key = any (v_said)
               and jsonb_typeof(n.value) = 'number') d
      left join hubspot_sync.credit_types t on t.credit = d.credit
     where d.delta <> 0;
    v_words := case p_entry.operation
      when 'insert' then format('Student %s, %s, made known', p_entry.new_values ->> 'student_id',
                                p_entry.new_values ->> 'email')
                         || coalesce(', with ' || v_credits, '')
      else coalesce(v_credits, 'Contact changed') end;
  end if;
  if p_entry.operation = 'update' then
    select string_agg(format('%s %s → %s',
                             case f.field when 'is_active' then 'status'
                               else replace(f.field, '_', ' ') end,
                             coalesce(left(p_entry.old_values ->> f.field, c_longest), 'none'),
                             coalesce(left(p_entry.new_values ->> f.field, c_longest), 'none')),
                      ', ' order by f.field)
      into v_changes
      from unnest(p_entry.changed_fields) f (field)
     where f.field <> all (v_said);
  end if;
  return v_words || coalesce(case when v_credits is null then ': ' else '; ' end || v_changes, '');
end;
$$;

comment on function hubspot_sync.audit_sentence(hubspot_sync.supabase_audit_log) is
  'What an entry of the audit log tells of a booking or a contact, in plain text; what is no '
  'business of a reader (our own ids) is left out, long values are cut.';
revoke execute on function hubspot_sync.audit_sentence(hubspot_sync.supabase_audit_log)
  from public, anon, authenticated;
