begin;
select plan(19);

insert into hubspot_sync.hubspot_contact_credits
  (id, hubspot_id, student_id, email, sj_credits, cs_credits, sjmini_credits,
   mock_discussion_token, shared_mock_credits)
values
  ('00000000-0000-4000-8000-000000000001', 'C-1', 'S-1', 'ann@example.com', 2, 0, 0, 1, 3),
  ('00000000-0000-4000-8000-000000000002', 'C-2', 'S-2', 'bob@example.com', 0, 0, 0, 0, 0),
  ('00000000-0000-4000-8000-000000000003', 'C-3', 'S-3', 'rich@example.com',
   2147483647, 0, 0, 0, 2147483647);
select row_eq(
  format('select * from api.check_credits(%L, ''S-1'', ''Ann@example.com'')', c.asked),
  row('00000000-0000-4000-8000-000000000001'::uuid, 'S-1'::text, c.mock_type, c.specific, c.shared,
      c.specific + c.shared, c.specific + c.shared > 0, c.token_name)::api.credit_check, c.fact)
  from (values
    ('situational JUDGMENT', 'Situational Judgment', 2, 3, 'Situational Judgment Token',
     'both kinds are told, and the own one is spent first'),
    (' Clinical Skills ', 'Clinical Skills', 0, 3, 'Shared Token', 'without own ones shared pay'),
    ('Mini-mock', 'Mini-mock', 0, 0, null, 'where shared ones do not pay they do not count'),
    ('Mock Discussion', 'Mock Discussion', 1, 0, 'Mock Discussion Token', 'nor for discussions')
  ) as c (asked, mock_type, specific, shared, token_name, fact);
select row_eq(
  $$select available, can_book, token_name
      from api.check_credits('Clinical Skills', p_id => '00000000-0000-4000-8000-000000000002')$$,
  row(0, false, null::text), 'who has nothing cannot book');
select lives_ok(
  $$select api.check_credits('Situational Judgment', 'S-3', 'rich@example.com')$$,
  'balances that together are no integer are no error');
select throws_ok(r.call, r.code, null, r.fact)
  from (values
    ('select api.check_credits()', '22023', 'asking for nothing is refused'),
    ($$select api.check_credits('Mini-mock')$$, '22023', 'so is asking for nobody'),
    ($$select api.check_credits(null, 'S-1', 'ann@example.com')$$, '22023', 'a type is needed'),
    ($$select api.check_credits('', 'S-1', 'ann@example.com')$$, '22023', 'an empty one is none'),
    ($$select api.check_credits('Chess', 'S-1', 'ann@example.com')$$, '22023',
     'an unknown type is refused'),
    ($$select api.check_credits('%', 'S-1', 'ann@example.com')$$, '22023', 'a pattern is none'),
    ($$select api.check_credits('Mini-mock', 'S-1')$$, '22023', 'a lone student id is refused'),
    ($$select api.check_credits('Mini-mock', 'S-1', 'bob@example.com')$$, 'MBCON',
     'ids of two contacts find none'),
    ($$select api.check_credits('Mini-mock', p_id => gen_random_uuid())$$, 'MBCON',
     'an unknown id is refused')
  ) as r (call, code, fact);
-- What it says is what a booking does.
insert into hubspot_sync.hubspot_mock_exams
  (hubspot_id, mock_type, exam_date, start_time, capacity, is_active)
select 'E-' || t.mock_type, t.mock_type, current_date + 30, '09:00', 3, 'true'
  from hubspot_sync.credit_types t;
create function pg_temp.token(p_mock_type text) returns text language plpgsql as $$
begin
  return (api.create_booking('E-' || p_mock_type, 'S-1', 'ann@example.com')).token_used;
exception when sqlstate 'MBCRD' then
  return null;
end
$$;
create temp table said as
  select t.mock_type, (api.check_credits(t.mock_type, 'S-1', 'ann@example.com')).token_name
    from hubspot_sync.credit_types t;
select is(pg_temp.token(s.mock_type), s.token_name,
          format('a booking of %s spends what was said', s.mock_type)) from said s;

select * from finish();
rollback;
